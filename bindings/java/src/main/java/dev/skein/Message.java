package dev.skein;

import java.util.List;

/**
 * One turn of a conversation.
 *
 * @param role "system", "user" or "assistant"
 * @param text what was said; not null
 */
public record Message(String role, String text) {
  static byte[][] roles(List<Message> messages) {
    return messages.stream().map(m -> Text.terminated("role", m.role)).toArray(byte[][]::new);
  }

  static byte[][] texts(List<Message> messages) {
    return messages.stream().map(m -> Text.bytes(m.text)).toArray(byte[][]::new);
  }
}
