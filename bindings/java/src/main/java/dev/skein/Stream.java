package dev.skein;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/**
 * One sequence of tokens and the state behind it. It has one writer at a time: while a request or an
 * eval runs on it, a second one is FAILED_PRECONDITION. Fork, snapshot, state and position see the last
 * committed token at any time. A stream that is closed cancels its request.
 */
public final class Stream extends Handle {
  final Runtime runtime;

  Stream(Runtime runtime, long number) {
    super(number, Native::streamRelease);
    this.runtime = runtime;
  }

  /** Options of {@link #save}. */
  public enum Save {
    /** A file that exists is replaced. */
    REPLACE,
    /** Tokens and checkpoints go along, so that the restored stream can go back as this one. */
    PAST;

    static int flags(Save... options) {
      int flags = 0;
      for (Save option : options) flags |= 1 << option.ordinal();
      return flags;
    }
  }

  /**
   * A place to go back to.
   *
   * @param position the tokens in front of it
   * @param stateBytes 0: its state is not kept, and it is reached from a place before it
   * @param name as it was set; "" for none
   */
  public record Checkpoint(long position, long stateBytes, String name) {}

  /**
   * A stream that {@link #forkAt} made.
   *
   * @param stream to be closed
   * @param replayed the tokens that were read again to get there
   */
  public record Fork(Stream stream, long replayed) {}

  // --- texts ---

  /**
   * Writes text behind a prompt, and delivers it as it comes. The runtime must be open.
   *
   * @param prompt an empty one continues from the stream's last token
   * @param options null: the model's defaults
   * @return the text, to be closed
   */
  public Generation generate(String prompt, Map<String, ?> options) {
    return start(newRequest(prompt, options));
  }

  /**
   * As {@link #generate(String, Map)}, with the model's defaults.
   *
   * @param prompt an empty one continues from the stream's last token
   * @return the text, to be closed
   */
  public Generation generate(String prompt) {
    return generate(prompt, Map.of());
  }

  /**
   * Writes the assistant's answer as {@link #generate(String, Map)} writes a text. The prompt is what
   * {@link Model#chatPrompt} gives, so the stream is new, or its last turn is not among the messages.
   *
   * @param messages the conversation
   * @param chatOptions of {@link Options.Kind#CHAT}; null: none
   * @param options of {@link Options.Kind#REQUEST}; null: the model's defaults
   * @return the answer, to be closed
   */
  public Generation chat(List<Message> messages, Map<String, ?> chatOptions, Map<String, ?> options) {
    Request request = newRequest();
    try {
      request.setChat(messages, chatOptions);
      request.setOptions(options);
    } catch (RuntimeException e) {
      request.close();
      throw e;
    }
    return start(request);
  }

  private static Generation start(Request request) {
    try {
      return request.start();
    } catch (RuntimeException e) {
      request.close();
      throw e;
    }
  }

  /**
   * {@return the whole text that {@link #generate(String, Map)} writes}
   *
   * @param prompt an empty one continues from the stream's last token
   * @param options null: the model's defaults
   */
  public String complete(String prompt, Map<String, ?> options) {
    try (Generation generation = generate(prompt, options)) {
      return generation.text();
    }
  }

  /**
   * {@return what {@link #complete(String, Map)} gives with the defaults of the model}
   *
   * @param prompt an empty one continues from the stream's last token
   */
  public String complete(String prompt) {
    return complete(prompt, Map.of());
  }

  /**
   * As {@link #complete(String, Map)}. No thread waits. Whoever completes the future, as cancel and orTimeout do,
   * cancels the request.
   *
   * @param prompt an empty one continues from the stream's last token
   * @param options null: the model's defaults
   * @return the whole text, or a {@link SkeinException}
   */
  public CompletableFuture<String> completeAsync(String prompt, Map<String, ?> options) {
    return Answer.start(this, prompt, options);
  }

  /**
   * Makes a request with an empty prompt and the model's defaults.
   *
   * @return the request, to be closed
   */
  public Request newRequest() {
    return call(s -> new Request(this, Native.requestCreate(s)));
  }

  /** Makes a request with a prompt and options. */
  Request newRequest(String prompt, Map<String, ?> options) {
    Request request = newRequest();
    try {
      request.setPrompt(prompt);
      request.setOptions(options);
      return request;
    } catch (RuntimeException e) {
      request.close();
      throw e;
    }
  }

  // --- the state ---

  /** Puts the stream back into its initial state. */
  public void reset() {
    run(Native::streamReset);
  }

  /**
   * Makes a stream that continues from the last committed token. It copies no state.
   *
   * @return the stream, to be closed
   */
  public Stream fork() {
    return call(s -> new Stream(runtime, Native.streamFork(s)));
  }

  /** {@return the number of tokens committed since the initial state} */
  public long position() {
    return callForLong(Native::streamPosition);
  }

  /** {@return the stream as bytes, which restore in another process, on another device, in another type} */
  public byte[] snapshot() {
    return call(s -> Native.streamSnapshot(s, 0));
  }

  /**
   * As {@link #snapshot}, with tokens and checkpoints, so that the restored stream can go back as this one.
   *
   * @return the bytes
   */
  public byte[] snapshotWithPast() {
    return call(s -> Native.streamSnapshot(s, Save.flags(Save.PAST)));
  }

  /**
   * Replaces the state by a snapshot. On failure the stream is what it was.
   *
   * @param snapshot anything: it is checked
   */
  public void restore(byte[] snapshot) {
    run(s -> Native.streamRestore(s, snapshot));
  }

  /**
   * Writes a snapshot to a file, which appears whole or not at all.
   *
   * @param path of the file
   * @param options what else is wanted; without REPLACE, a file that exists is ALREADY_EXISTS
   */
  public void save(String path, Save... options) {
    run(s -> Native.streamSave(s, Text.terminated("path", path), Save.flags(options)));
  }

  /**
   * Restores from a file of {@link #save} or {@link Prefix#save}. On failure the stream is what it was.
   *
   * @param path of the file
   */
  public void load(String path) {
    run(s -> Native.streamLoad(s, Text.terminated("path", path)));
  }

  /** {@return the canonical state, numStateFloats numbers; stream.h of the ABI has their layout} */
  public float[] state() {
    return call(Native::streamState);
  }

  /**
   * Keeps the last committed place, which many streams can start from.
   *
   * @param name may be ""
   * @param provenance says where it comes from; may be ""
   * @return the prefix, to be closed
   */
  public Prefix newPrefix(String name, String provenance) {
    byte[] n = Text.terminated("name", name);
    byte[] p = Text.terminated("provenance", provenance);
    return call(s -> new Prefix(runtime, Native.prefixCreate(s, n, p)));
  }

  // --- the past ---

  /**
   * {@return the tokens from a position to the last one}
   *
   * @param begin the position
   */
  public int[] tokens(long begin) {
    return call(s -> Native.streamTokens(s, begin));
  }

  /**
   * Goes back to a position.
   *
   * @param position at most that of the stream
   * @return the number of tokens that were read again
   */
  public long truncate(long position) {
    return callForLong(s -> Native.streamTruncate(s, position));
  }

  /**
   * Makes a stream that continues from a position. This one stays where it is.
   *
   * @param position at most that of the stream
   * @return the stream, to be closed
   */
  public Fork forkAt(long position) {
    long[] replayed = new long[1];
    Stream fork = call(s -> new Stream(runtime, Native.streamForkAt(s, position, replayed)));
    return new Fork(fork, replayed[0]);
  }

  /**
   * Names the last position, and keeps its state.
   *
   * @param name at most 63 bytes
   */
  public void setCheckpoint(String name) {
    run(s -> Native.streamSetCheckpoint(s, Text.terminated("checkpoint", name)));
  }

  /**
   * {@return the position with a name}
   *
   * @param name NOT_FOUND if no place has it
   */
  public long findCheckpoint(String name) {
    return callForLong(s -> Native.streamFindCheckpoint(s, Text.terminated("checkpoint", name)));
  }

  /** {@return the places with names and those whose states are kept, by position} */
  public List<Checkpoint> checkpoints() {
    Object[] both = call(Native::streamCheckpoints);
    long[] numbers = (long[]) both[0];
    byte[][] names = (byte[][]) both[1];
    List<Checkpoint> checkpoints = new ArrayList<>();
    for (int i = 0; i < names.length; i++) {
      checkpoints.add(new Checkpoint(numbers[2 * i], numbers[2 * i + 1], Text.of(names[i])));
    }
    return checkpoints;
  }
}
