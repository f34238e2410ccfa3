import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Words of the scenario, and values as the transcript shows them. Texts are bytes, one in each char. */
final class Words {
  private static final Pattern WORD =
      Pattern.compile("(?:([a-z0-9_]+)=)?(\"(?:[^\"\\\\]|\\\\.)*\"|[^ \"]\\S*|)");
  private static final Pattern ESCAPE = Pattern.compile("\\\\(x[0-9a-fA-F]{2}|.)");

  private Words() {}

  /** An argument, or an option if it has a key. {@code bytes}: what it stands for. */
  record Word(String key, byte[] bytes, Object value) {
    String text() {
      return new String(bytes, StandardCharsets.UTF_8);
    }
  }

  static List<Word> parse(String line, String model, String temp) {
    List<Word> words = new ArrayList<>();
    Matcher matcher = WORD.matcher(line);
    for (int at = 0; at < line.length(); at = matcher.end() + 1) {
      if (!matcher.find(at) || matcher.start() != at) throw new IllegalArgumentException(line);
      String raw = matcher.group(2);
      byte[] bytes = plain(raw, model, temp);
      Object value = new String(bytes, StandardCharsets.UTF_8);
      if (raw.matches("-?[0-9]+")) {
        value = Long.valueOf(raw);
      } else if (raw.matches("-?[0-9]*\\.[0-9]*")) {
        value = Double.valueOf(raw);
      }
      words.add(new Word(matcher.group(1), bytes, value));
    }
    return words;
  }

  private static byte[] plain(String raw, String model, String temp) {
    String text = raw;
    if (raw.startsWith("\"")) {
      text = ESCAPE.matcher(raw.substring(1, raw.length() - 1)).replaceAll(
          escape -> {
            String what = escape.group(1);
            String is = what;
            if (what.equals("n")) is = "\n";
            if (what.startsWith("x")) is = String.valueOf((char) Integer.parseInt(what.substring(1), 16));
            return Matcher.quoteReplacement(is);
          });
    }
    if (text.startsWith("$MODEL")) return (model + text.substring(6)).getBytes(StandardCharsets.UTF_8);
    if (text.startsWith("$TEMP")) return (temp + text.substring(5)).getBytes(StandardCharsets.UTF_8);
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  static String quote(String text) {
    return quote(text.getBytes(StandardCharsets.UTF_8));
  }

  static String quote(byte[] text) {
    StringBuilder quoted = new StringBuilder("\"");
    for (byte b : text) {
      if (b == '"' || b == '\\') {
        quoted.append('\\').append((char) b);
      } else if (b < 0x20 || b > 0x7e) {
        quoted.append(String.format("\\x%02x", b & 0xff));
      } else {
        quoted.append((char) b);
      }
    }
    return quoted.append('"').toString();
  }

  static String show(float f) {
    return Float.isNaN(f) ? "nan" : String.format("%08x", Float.floatToRawIntBits(f));
  }

  static String show(double d) {
    return Double.isNaN(d) ? "nan" : String.format("%016x", Double.doubleToRawLongBits(d));
  }

  static String show(float[] floats) {
    StringBuilder line = new StringBuilder().append(floats.length);
    long hash = FNV_BASIS;
    for (int i = 0; i < floats.length; i++) {
      if (i < 4) line.append(' ').append(show(floats[i]));
      hash = add(hash, Float.isNaN(floats[i]) ? 0x7fc00000 : Float.floatToRawIntBits(floats[i]));
    }
    return line.append(String.format(" %016x", hash)).toString();
  }

  static String show(int[] tokens) {
    StringBuilder line = new StringBuilder().append(tokens.length);
    long hash = FNV_BASIS;
    for (int i = 0; i < tokens.length; i++) {
      if (i < 4) line.append(' ').append(Integer.toUnsignedString(tokens[i]));
      hash = add(hash, tokens[i]);
    }
    return line.append(String.format(" %016x", hash)).toString();
  }

  private static final long FNV_BASIS = 0xcbf29ce484222325L;

  private static long add(long hash, int bits) {
    for (int shift = 0; shift < 32; shift += 8) hash = (hash ^ (bits >>> shift & 0xff)) * 0x100000001b3L;
    return hash;
  }
}
