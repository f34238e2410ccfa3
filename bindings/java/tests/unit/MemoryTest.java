import dev.skein.Model;
import dev.skein.Prefix;
import dev.skein.Queue;
import dev.skein.Runtime;
import dev.skein.Status;
import dev.skein.Stream;
import dev.skein.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * What is made, used and closed leaves nothing. To be run with -Xint: the compilers of the machine allocate
 * megabytes for a while, and the C library keeps the pages that they have given back. In 120,000 rounds of
 * this loop resident memory so grows by 22 MiB up to the 10,000th round (its 15 MiB more of the C library are
 * free, and 12 MiB go with malloc_trim), by 9 MiB with C1 alone, and what is given out stays at 5 to 7 MiB.
 */
final class MemoryTest {
  private MemoryTest() {}

  /** The bytes that the C library has given out. */
  private static native long allocated();

  static void makingUsingAndClosingLeavesNothing() throws Exception {
    System.load(System.getProperty("skein.allocated"));
    int iterations = Integer.getInteger("skein.iterations", 4000);
    Check.withModel(
        Map.of(),
        (r, m) -> {
          for (int i = 0; i < 2000; i++) use(r, m); // the first ones fill pools and caches
          System.gc();
          long descriptors = descriptors();
          long bytes = allocated();
          for (int i = 0; i < iterations; i++) use(r, m);
          System.gc();
          System.out.printf(
              "%d iterations: %d to %d descriptors, %d to %d bytes%n",
              iterations, descriptors, descriptors(), bytes, allocated());
          Check.that(descriptors() <= descriptors + 2, "descriptors");
          Check.that(allocated() <= bytes + 64 * 1024, "memory");
          Check.same(0, m.load().numStreams());
        });
  }

  private static long descriptors() throws IOException {
    try (var files = Files.list(Path.of("/proc/self/fd"))) {
      return files.count();
    }
  }

  private static void use(Runtime r, Model m) throws Exception {
    try (Stream s = m.newStream();
        Queue q = r.newQueue();
        Tokenizer t = m.openTokenizer()) {
      s.complete("And", Map.of("max_tokens", 2));
      q.setWakeup(() -> {});
      q.await(Duration.ZERO);
      try (Stream fork = s.fork();
          Prefix p = fork.newPrefix("p", "")) {
        p.newStream().close();
        m.score(List.of(new Model.ScoreItem(fork, new int[] {65, 66}, 1, 0)));
        Check.same(2, t.encode("ab").length);
        Check.fails(Status.INVALID_ARGUMENT, () -> t.decode(70000));
      }
    }
  }
}
