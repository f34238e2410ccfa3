package dev.skein;

import java.nio.ByteBuffer;

/**
 * The C ABI, one method for each of its functions; src/main/c/skein_jni.c is the other half. Handles
 * are numbers. A failure is a {@link SkeinException}. Texts are UTF-8; those that come from Java have a
 * NUL behind them. Structs come as an array of their numbers and one of their texts, in the order of
 * the record that is made of them; a floating-point number among them is its bits.
 */
final class Native {
  static {
    Library.load();
    java.lang.Runtime.getRuntime().addShutdownHook(new Thread(Native::endCallbacks));
  }

  private Native() {}

  static native byte[] version();

  static native byte[] statusName(int status);

  /** From now on no callback enters Java: its machine is about to end. */
  static native void endCallbacks();

  static native long optionsCreate(int kind);

  static native void optionsSetI64(long options, byte[] key, long value);

  static native void optionsSetF64(long options, byte[] key, double value);

  static native void optionsSetStr(long options, byte[] key, byte[] value);

  static native void optionsRelease(long options);

  static native int optionsKeyCount(int kind);

  static native void optionsKeyInfo(int kind, int index, long[] numbers, byte[][] texts);

  static native long runtimeCreate(long options);

  static native void runtimeRelease(long runtime);

  static native void runtimeLoadPlugin(long runtime, byte[] path);

  static native int runtimePluginCount(long runtime);

  static native void runtimePluginInfo(long runtime, int index, long[] numbers, byte[][] texts);

  static native int runtimeDeviceCount(long runtime);

  static native void runtimeDeviceInfo(long runtime, int index, long[] numbers, byte[][] texts);

  /** Null if no line is waiting. */
  static native byte[] runtimePollLog(long runtime, long[] severity);

  static native byte[] runtimeMetrics(long runtime);

  static native void runtimeProgress(long runtime, long[] numbers, byte[][] texts);

  static native long modelLoad(long runtime, byte[] path, long options);

  static native void modelRelease(long model);

  static native void modelGetInfo(long model, long[] numbers, byte[][] texts);

  static native void modelConvert(long runtime, byte[] in, byte[] out, long options);

  static native byte[] modelDescribe(long runtime, byte[] path, long options);

  static native long modelTokenizer(long model);

  static native byte[] modelChatPrompt(long model, byte[][] roles, byte[][] texts, long options);

  static native void modelSetTenant(long model, byte[] name, long options);

  static native void modelGetLoad(long model, byte[] name, long[] numbers);

  static native long tokenizerLoad(long runtime, byte[] path, long options);

  static native void tokenizerRelease(long tokenizer);

  static native void tokenizerGetInfo(long tokenizer, long[] numbers, byte[][] texts);

  static native int[] tokenizerEncode(long tokenizer, byte[] text);

  static native byte[] tokenizerDecode(long tokenizer, int[] tokens);

  static native long streamCreate(long model, long options);

  static native void streamRelease(long stream);

  static native void streamReset(long stream);

  static native long streamFork(long stream);

  static native long streamForkAt(long stream, long position, long[] replayed);

  static native long streamPosition(long stream);

  static native int[] streamTokens(long stream, long begin);

  static native long streamTruncate(long stream, long position);

  static native void streamSetCheckpoint(long stream, byte[] name);

  static native long streamFindCheckpoint(long stream, byte[] name);

  /** Position and bytes of each, and their names. */
  static native Object[] streamCheckpoints(long stream);

  static native byte[] streamSnapshot(long stream, int flags);

  static native void streamRestore(long stream, byte[] snapshot);

  static native void streamSave(long stream, byte[] path, int flags);

  static native void streamLoad(long stream, byte[] path);

  static native float[] streamState(long stream);

  /**
   * The arrays have one element for each item. Their tokens follow each other, and so do their outputs
   * in a direct buffer.
   */
  static native void eval(
      long model,
      long[] streams,
      int[] tokens,
      long[] numTokens,
      int[] kinds,
      ByteBuffer outputs,
      long[] numOutputs,
      int[] statuses);

  /** {@code top} has a token and the bits of its logarithm for each of {@code numTop} of each token. */
  static native void score(
      long model,
      long[] streams,
      int[] tokens,
      long[] numTokens,
      int[] numTop,
      int[] priorities,
      ByteBuffer logprobs,
      ByteBuffer top,
      int[] statuses,
      long[] numScored,
      double[] sums);

  /** {@code texts} and {@code tenants} may have nulls. */
  static native void embed(
      long model,
      long[] streams,
      int[] tokens,
      long[] numTokens,
      byte[][] texts,
      byte[][] tenants,
      int[] pooling,
      int[] normalise,
      int[] priorities,
      ByteBuffer embeddings,
      int width,
      int[] statuses,
      long[] numRead);

  static native long prefixCreate(long stream, byte[] name, byte[] provenance);

  static native void prefixRelease(long prefix);

  static native long prefixStart(long prefix, long options);

  static native void prefixGetInfo(long prefix, long[] numbers, byte[][] texts);

  static native byte[] prefixProvenance(long prefix);

  static native void prefixSave(long prefix, byte[] path, int flags);

  static native long prefixLoad(long model, byte[] path);

  static native byte[] snapshotDescribe(byte[] path, long options);

  static native long queueCreate(long runtime, long options);

  static native void queueRelease(long queue);

  /** The size of an event and the offsets of its fields, in the order of {@link EventReader}. */
  static native int[] eventLayout();

  /** The number of events, or if the text of the first has no room, minus its bytes. */
  static native long queuePoll(long queue, ByteBuffer events, int capacity, ByteBuffer texts);

  static native boolean queueWait(long queue, long milliseconds);

  static native int queueFd(long queue);

  /** Gives what {@link #wakeupRelease} takes when the queue has another function, or 0. */
  static native long queueSetWakeup(long queue, Runnable wakeup);

  static native void wakeupRelease(long wakeup);

  static native void queueSubmit(long queue, long[] requests);

  static native long requestCreate(long stream);

  static native void requestRelease(long request);

  static native void requestSetPrompt(long request, byte[] text);

  static native void requestSetPromptTokens(long request, int[] tokens);

  static native void requestSetOptions(long request, long options);

  static native void requestSetChat(long request, byte[][] roles, byte[][] texts, long options);

  static native void requestAddStop(long request, byte[] text);

  static native void requestAddStopToken(long request, int token);

  static native void requestSetLogitBias(long request, int token, float bias);

  static native void requestSetUserData(long request, long number);

  static native void requestCancel(long request);

  static native void requestAcknowledge(long request, long numTokens);

  /** Pairs of a token and the bits of its logarithm. */
  static native int[] requestLogprobs(long request, int sample, long first, long numTokens);

  static native long requestTakeSample(long request, int sample);
}
