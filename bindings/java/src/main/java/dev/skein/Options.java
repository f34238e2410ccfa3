package dev.skein;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongFunction;

/**
 * Options are maps of named values: integers, floating-point numbers, strings, and booleans for keys
 * that are 0 or 1, such as {@code Map.of("max_tokens", 40, "temperature", 0)}. Null is no options. A key
 * that the call does not know, a value of another type and one out of range are INVALID_ARGUMENT.
 */
public final class Options {
  private Options() {}

  /** The calls that take options. */
  public enum Kind {
    /** {@link Runtime#create(Map)}. */
    RUNTIME,
    /** {@link Runtime#loadModel(String, Map)}. */
    MODEL,
    /** {@link Runtime#convertModel}. */
    CONVERT,
    /** {@link Runtime#describeModel} and {@link Prefix#describeSnapshot}. */
    DESCRIBE,
    /** {@link Runtime#loadTokenizer}. */
    TOKENIZER,
    /** {@link Model#newStream(Map)} and {@link Prefix#newStream(Map)}. */
    STREAM,
    /** {@link Runtime#newQueue(Map)}. */
    QUEUE,
    /** {@link Request#setOptions} and {@link Stream#generate(String, Map)}. */
    REQUEST,
    /** {@link Model#chatPrompt} and {@link Request#setChat}. */
    CHAT,
    /** {@link Model#setTenant}. */
    TENANT;

    int number() {
      return ordinal() + 1;
    }

    /**
     * {@return the kind with a number of the ABI}
     *
     * @param number from 1
     */
    public static Kind of(int number) {
      if (number < 1 || number > values().length) {
        throw new SkeinException(Status.INVALID_ARGUMENT, "options: no kind " + number, 0);
      }
      return values()[number - 1];
    }
  }

  /** The types of values. */
  public enum Type {
    /** Integers of 64 bits, and booleans. */
    I64,
    /** Floating-point numbers, and integers. */
    F64,
    /** Strings and paths. */
    STR
  }

  /**
   * One key.
   *
   * @param name as it stands in a map
   * @param type of its values
   * @param defaultValue as text; "" where it depends on the model or the machine
   * @param help its meaning and unit
   * @param min the least number; of no meaning for strings
   * @param max the greatest number
   */
  public record Key(String name, Type type, String defaultValue, String help, double min, double max) {}

  /**
   * {@return the keys of a kind}
   *
   * @param kind the call that takes them
   */
  public static List<Key> keys(Kind kind) {
    List<Key> keys = new ArrayList<>();
    int count = Native.optionsKeyCount(kind.number());
    for (int i = 0; i < count; i++) {
      Struct info = new Struct(3, 3);
      Native.optionsKeyInfo(kind.number(), i, info.numbers, info.texts);
      Type type = Type.values()[info.integer(0) - 1];
      keys.add(new Key(info.text(0), type, info.text(1), info.text(2), info.real(1), info.real(2)));
    }
    return keys;
  }

  /** Passes options to a call as an object of the library; none at all are 0. */
  static <T> T with(Kind kind, Map<String, ?> options, LongFunction<T> call) {
    if (options == null || options.isEmpty()) return call.apply(0);
    return made(kind, options, call);
  }

  /** As {@link #with}, for calls that need an object without options too. */
  static <T> T made(Kind kind, Map<String, ?> options, LongFunction<T> call) {
    long object = Native.optionsCreate(kind.number());
    try {
      // In an order of its own, so that of several that are wrong the same one is refused every time.
      if (options != null) new TreeMap<>(options).forEach((key, value) -> set(object, key, value));
      return call.apply(object);
    } finally {
      Native.optionsRelease(object);
    }
  }

  private static void set(long object, String key, Object value) {
    byte[] name = Text.terminated("options: a key", key);
    if (value instanceof Float || value instanceof Double) {
      Native.optionsSetF64(object, name, ((Number) value).doubleValue());
    } else if (value instanceof Byte || value instanceof Short || value instanceof Integer || value instanceof Long) {
      Native.optionsSetI64(object, name, ((Number) value).longValue());
    } else if (value instanceof Boolean truth) {
      Native.optionsSetI64(object, name, truth ? 1 : 0);
    } else if (value instanceof CharSequence || value instanceof java.nio.file.Path) {
      Native.optionsSetStr(object, name, Text.terminated("option " + key, value.toString()));
    } else {
      String type = value == null ? "null" : value.getClass().getName();
      throw new SkeinException(
          Status.INVALID_ARGUMENT,
          "option " + key + ": " + type + "; expected an integer, a floating-point number, a string or a boolean",
          0);
    }
  }
}
