package dev.skein;

import java.util.Map;

/** A text that many streams begin with, read once. It never changes. */
public final class Prefix extends Handle {
  private final Runtime runtime;

  Prefix(Runtime runtime, long number) {
    super(number, Native::prefixRelease);
    this.runtime = runtime;
  }

  /** Makes a stream at the place of the prefix. It copies no state. */
  public Stream newStream() {
    return newStream(null);
  }

  public Stream newStream(Map<String, ?> options) {
    return call(
        p -> Options.with(Options.Kind.STREAM, options, o -> new Stream(runtime, Native.prefixStart(p, o))));
  }

  /** Position in tokens, sizes of the state and of its file, and the fingerprint of the weights. */
  public record Info(long position, long stateBytes, long fileBytes, String name, String fingerprint) {}

  /** May wait until the fingerprint of the model is known. */
  public Info info() {
    Struct s = new Struct(3, 2);
    run(p -> Native.prefixGetInfo(p, s.numbers, s.texts));
    return new Info(s.numbers[0], s.numbers[1], s.numbers[2], s.text(0), s.text(1));
  }

  /** The text that says where the prefix comes from. */
  public String provenance() {
    return call(p -> Text.of(Native.prefixProvenance(p)));
  }

  /** Writes the prefix to a file, which appears whole or not at all. */
  public void save(String path, Stream.Save... options) {
    run(p -> Native.prefixSave(p, Text.terminated("path", path), Stream.Save.flags(options)));
  }

  /** Describes a file of {@link #save} or {@link Stream#save}, without a model. */
  public static String describeSnapshot(String path, Map<String, ?> options) {
    byte[] p = Text.terminated("path", path);
    return Options.with(Options.Kind.DESCRIBE, options, o -> Text.of(Native.snapshotDescribe(p, o)));
  }
}
