package dev.skein;

import java.util.List;

/** One turn of a conversation. The role is "system", "user" or "assistant". */
public record Message(String role, String text) {
  static byte[][] roles(List<Message> messages) {
    return messages.stream().map(m -> Text.terminated("role", m.role)).toArray(byte[][]::new);
  }

  static byte[][] texts(List<Message> messages) {
    return messages.stream().map(m -> Text.bytes(m.text)).toArray(byte[][]::new);
  }
}
