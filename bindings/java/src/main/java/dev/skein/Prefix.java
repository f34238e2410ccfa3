package dev.skein;

import java.util.Map;

/** A text that many streams begin with, read once. It never changes. */
public final class Prefix extends Handle {
  private final Runtime runtime;

  Prefix(Runtime runtime, long number) {
    super(number, Native::prefixRelease);
    this.runtime = runtime;
  }

  /**
   * Makes a stream at the place of the prefix. It copies no state.
   *
   * @return the stream, to be closed
   */
  public Stream newStream() {
    return newStream(null);
  }

  /**
   * As {@link #newStream()}, with options.
   *
   * @param options null: none
   * @return the stream, to be closed
   */
  public Stream newStream(Map<String, ?> options) {
    return call(
        p -> Options.with(Options.Kind.STREAM, options, o -> new Stream(runtime, Native.prefixStart(p, o))));
  }

  /**
   * What a prefix is.
   *
   * @param position in tokens
   * @param stateBytes the size of its state in float32
   * @param fileBytes the size of a file of it
   * @param name as it was given; "" for none
   * @param fingerprint of the weights that computed it, in hexadecimal
   */
  public record Info(long position, long stateBytes, long fileBytes, String name, String fingerprint) {}

  /**
   * May wait until the fingerprint of the model is known.
   *
   * @return what the prefix is
   */
  public Info info() {
    Struct s = new Struct(3, 2);
    run(p -> Native.prefixGetInfo(p, s.numbers, s.texts));
    return new Info(s.numbers[0], s.numbers[1], s.numbers[2], s.text(0), s.text(1));
  }

  /** {@return the text that says where the prefix comes from; "" for none} */
  public String provenance() {
    return call(p -> Text.of(Native.prefixProvenance(p)));
  }

  /**
   * Writes the prefix to a file, which appears whole or not at all.
   *
   * @param path of the file
   * @param options what else is wanted; without REPLACE, a file that exists is ALREADY_EXISTS
   */
  public void save(String path, Stream.Save... options) {
    run(p -> Native.prefixSave(p, Text.terminated("path", path), Stream.Save.flags(options)));
  }

  /**
   * Describes a file of {@link #save} or {@link Stream#save}, without a model.
   *
   * @param path of the file
   * @param options null: none
   * @return text, or JSON with the option format "json"
   */
  public static String describeSnapshot(String path, Map<String, ?> options) {
    byte[] p = Text.terminated("path", path);
    return Options.with(Options.Kind.DESCRIBE, options, o -> Text.of(Native.snapshotDescribe(p, o)));
  }
}
