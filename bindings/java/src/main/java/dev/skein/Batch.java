package dev.skein;

import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;

/** What the items of evals, scores and embeddings have in common, as flat arrays. */
final class Batch<T> {
  private final List<T> items;
  final long[] streams;
  final int[] tokens;
  final long[] numTokens;

  Batch(List<T> items, Function<T, Stream> stream, Function<T, int[]> itemTokens) {
    this.items = items;
    streams = new long[items.size()];
    numTokens = new long[items.size()];
    for (int i = 0; i < streams.length; i++) {
      Stream s = stream.apply(items.get(i));
      streams[i] = s == null ? 0 : s.number();
      numTokens[i] = itemTokens.apply(items.get(i)).length;
    }
    tokens = items.stream().map(itemTokens).flatMapToInt(Arrays::stream).toArray();
  }

  /** A direct buffer with elements for all items. */
  static ByteBuffer room(long[] elements, int elementBytes) {
    long bytes = Arrays.stream(elements).sum() * elementBytes;
    if (bytes > Integer.MAX_VALUE - 8) {
      throw new SkeinException(
          Status.INVALID_ARGUMENT, "outputs of " + bytes + " bytes; expected less than 2 GiB in one call", 0);
    }
    // An empty buffer has an address too.
    return ByteBuffer.allocateDirect((int) bytes + 8).order(ByteOrder.nativeOrder());
  }

  /** Runs the call and keeps the streams meanwhile. Its failure carries the results. */
  <R> List<R> run(Runnable call, Supplier<List<R>> results) {
    try {
      call.run();
    } catch (SkeinException first) {
      throw new BatchException(first, results.get());
    } finally {
      Reference.reachabilityFence(items);
    }
    return results.get();
  }
}
