// Chat templates: how messages become the text that a model was trained on. The templates are data in one table; a
// conversation is rendered by one function for all of them. Which template a model has: recognition.h. Knows no model,
// tokenizer or stream.
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

// What is opened at the start of an answer: the beginning of a think block, so that the model thinks first; an empty
// block, so that it answers at once; or nothing.
enum class Thinking { kOn, kOff, kNone };

struct ChatMessage {
  ChatRole role;
  std::string text;  // UTF-8
};

// A turn is its label, a space, the text, and kTurnEnd. Where the label is empty, the space is too.
struct ChatTemplate {
  absl::string_view name;
  absl::string_view system_label;
  absl::string_view user_label;
  absl::string_view user_label_without_system;  // of a user's message that no system message stands in front of
  absl::string_view assistant_label;            // also what opens an answer: nothing, no space either, follows it
  bool has_think_block;                         // false: answers have none, and none can be asked for
  Thinking thinking;                            // where the host does not say
  absl::Span<const absl::string_view> stops;    // texts that end an answer: openings of a turn that is not the model's
};

inline constexpr absl::string_view kTurnEnd = "\n\n";

absl::Span<const ChatTemplate> ChatTemplates();

// INVALID_ARGUMENT: no such template; lists those that there are.
absl::StatusOr<const ChatTemplate*> FindChatTemplate(absl::string_view name);

// "system", "user", "assistant". INVALID_ARGUMENT for another word.
absl::StatusOr<ChatRole> ParseChatRole(absl::string_view role);

// "on", "off", "none"; "": as the template has it. INVALID_ARGUMENT: another word, or a template without think blocks
// is asked for one.
absl::StatusOr<Thinking> ParseThinking(absl::string_view thinking, const ChatTemplate& chat_template);

// A text as messages were in training: "\r\n" is "\n", runs of newlines are one, and white space at both ends is gone.
// So no message can contain kTurnEnd and what opens a turn.
std::string CleanMessage(absl::string_view text);

// The messages, cleaned, as turns; and then, unless the last is the assistant's, what opens its turn. Of an assistant's
// message that begins with a think block, what is behind the block: models are not shown their earlier thoughts.
std::string RenderChat(const ChatTemplate& chat_template, absl::Span<const ChatMessage> messages, Thinking thinking);

}  // namespace skein

#endif  // SKEIN_CHAT_TEMPLATE_H_
