package dev.skein;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Texts as the ABI has them. */
final class Text {
  private Text() {}

  static String of(byte[] utf8) {
    return new String(utf8, StandardCharsets.UTF_8);
  }

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** With a NUL behind it. A NUL inside would end it early. */
  static byte[] terminated(String what, String text) {
    if (text.indexOf('\0') >= 0) {
      throw new SkeinException(
          Status.INVALID_ARGUMENT, what + ": has a NUL; expected text without", 0);
    }
    byte[] utf8 = bytes(text);
    return Arrays.copyOf(utf8, utf8.length + 1);
  }
}
