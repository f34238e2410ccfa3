// Chat templates: how messages become the text that a model was trained on. The templates are data in one table, and
// one function renders a conversation for all of them. recognition.h finds the template of a model. Nothing here knows
// a model, tokenizer or stream.
#ifndef SKEIN_CHAT_TEMPLATE_H_
#define SKEIN_CHAT_TEMPLATE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace skein {

enum class ChatRole { kSystem, kUser, kAssistant };

// The text that opens an answer: the beginning of a think block, so that the model thinks first; an empty block, so
// that it answers at once; or none. kShort and kLong begin a block too, and ask behind the user's text for few or many
// thoughts.
enum class Thinking { kOn, kOff, kNone, kShort, kLong };

struct ChatMessage {
  ChatRole role;
  std::string text;  // UTF-8 without NUL; of the assistant: any bytes
};

// A turn is its label, a space, the text, and kTurnEnd. A turn with an empty label has no space.
struct ChatTemplate {
  absl::string_view name = {};
  absl::string_view system_label = {};
  absl::string_view user_label = {};
  absl::string_view user_label_without_system = {};  // of a user's message without a system message before it
  absl::string_view assistant_label = {};            // also opens an answer; nothing follows it there, not even a space
  bool has_think_block = false;                      // false: answers have none, and a host cannot ask for one
  Thinking thinking = Thinking::kNone;               // the default
  // Texts that end an answer: openings of a turn that is not the model's.
  absl::Span<const absl::string_view> stops = {};
};

inline constexpr absl::string_view kTurnEnd = "\n\n";

absl::Span<const ChatTemplate> ChatTemplates();
std::string ChatTemplateNames();  // "world, g1, …", for messages

// INVALID_ARGUMENT: no such template; lists those there are.
absl::StatusOr<const ChatTemplate*> FindChatTemplate(absl::string_view name);

// "system", "user", "assistant". INVALID_ARGUMENT for another word.
absl::StatusOr<ChatRole> ParseChatRole(absl::string_view role);

// "on", "off", "none", "short", "long"; "" is the template's default. INVALID_ARGUMENT: another word, or one other than
// "none" for a template without think blocks.
absl::StatusOr<Thinking> ParseThinking(absl::string_view thinking, const ChatTemplate& chat_template);

// The form that messages have in training: "\r\n" is "\n", runs of newlines are one newline, and white space at both
// ends is gone. So no message can contain kTurnEnd and the opening of a turn.
std::string CleanMessage(absl::string_view text);

// The messages, cleaned, as turns, and then the opening of the assistant's turn, unless the last message is the
// assistant's. A think block at the beginning of an assistant's message is left out: models do not see their earlier
// thoughts. In the assistant's text U+FFFD stands for NUL and for each piece that is not UTF-8: models write such
// bytes, and an answer may end inside a character. So the result is UTF-8 without NUL. The words of kShort and kLong
// stand behind the user's text that is to be answered, and not behind earlier ones.
std::string RenderChat(const ChatTemplate& chat_template, absl::Span<const ChatMessage> messages, Thinking thinking);

}  // namespace skein

#endif  // SKEIN_CHAT_TEMPLATE_H_
