#include "chat/template.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "base/utf8.h"

namespace skein {
namespace {

constexpr absl::string_view kUserStops[] = {"\n\nUser:", "\n\nSystem:"};
constexpr absl::string_view kRavenStops[] = {"\n\nBob:", "\n\nAlice:"};
constexpr absl::string_view kInstructStops[] = {"\n\nInstruction:", "\n\nInput:"};

const ChatTemplate kTemplates[] = {
    {.name = "world",
     .system_label = "System:",
     .user_label = "User:",
     .user_label_without_system = "User:",
     .assistant_label = "Assistant:",
     .has_think_block = true,
     .stops = kUserStops},
    {.name = "g1",
     .system_label = "System:",
     .user_label = "User:",
     .user_label_without_system = "User:",
     .assistant_label = "Assistant:",
     .has_think_block = true,
     .thinking = Thinking::kOn,
     .stops = kUserStops},
    {.name = "raven",
     .user_label = "Bob:",
     .user_label_without_system = "Bob:",
     .assistant_label = "Alice:",
     .stops = kRavenStops},
    {.name = "instruct",
     .system_label = "Instruction:",
     .user_label = "Input:",
     .user_label_without_system = "Instruction:",
     .assistant_label = "Response:",
     .stops = kInstructStops},
};

// A think block begins with kThinkStart and ">", and ends with kThinkEnd and ">". The opening of an answer leaves the
// ">" to the model, whose vocabularies have tokens that begin with ">" and go on.
constexpr absl::string_view kThinkStart = "<think";
constexpr absl::string_view kThinkEnd = "</think";

// The texts are those of the G1 models' card.
struct ThinkingForm {
  absl::string_view name;
  Thinking thinking;
  absl::string_view opening = {};  // behind the assistant's label
  absl::string_view request = {};  // behind the user's text, after a space
};
constexpr ThinkingForm kThinkingForms[] = {
    {.name = "on", .thinking = Thinking::kOn, .opening = " <think"},
    {.name = "off", .thinking = Thinking::kOff, .opening = " <think>\n</think"},
    {.name = "none", .thinking = Thinking::kNone},
    {.name = "short", .thinking = Thinking::kShort, .opening = " <think", .request = "(think a bit)"},
    {.name = "long", .thinking = Thinking::kLong, .opening = " <think", .request = "(think a lot)"},
};

const ThinkingForm& FormOf(Thinking thinking) {
  return *std::find_if(std::begin(kThinkingForms), std::end(kThinkingForms),
                       [thinking](const ThinkingForm& form) { return form.thinking == thinking; });
}

struct RoleName {
  absl::string_view name;
  ChatRole role;
};
constexpr RoleName kRoleNames[] = {
    {"system", ChatRole::kSystem}, {"user", ChatRole::kUser}, {"assistant", ChatRole::kAssistant}};

// The part of `answer` behind the think block at its beginning. All of it if there is no block; "" if the block does
// not end. The model goes on where the opening in the prompt ends: its text may begin with the ">" of a block's start,
// or of the end of an empty one. It may also leave that ">" out.
absl::string_view WithoutThoughts(absl::string_view answer) {
  const absl::string_view text = absl::StripLeadingAsciiWhitespace(answer);
  const bool has_start = absl::StartsWith(text, kThinkStart);
  if (!has_start && !absl::StartsWith(text, ">")) return answer;
  size_t end = text.find(absl::StrCat(kThinkEnd, ">"));
  if (end == absl::string_view::npos && has_start) end = text.find(kThinkEnd);
  if (end != absl::string_view::npos) return absl::StripPrefix(text.substr(end + kThinkEnd.size()), ">");
  if (has_start) return "";
  return absl::StartsWith(text, ">\n") ? text.substr(1) : answer;
}

std::string CleanText(const ChatMessage& message) {
  if (message.role != ChatRole::kAssistant) return CleanMessage(message.text);
  return CleanMessage(ReplaceNonUtf8(WithoutThoughts(message.text)));
}

absl::string_view LabelOf(const ChatTemplate& chat_template, ChatRole role, bool after_system) {
  switch (role) {
    case ChatRole::kSystem:
      return chat_template.system_label;
    case ChatRole::kUser:
      return after_system ? chat_template.user_label : chat_template.user_label_without_system;
    case ChatRole::kAssistant:
      break;
  }
  return chat_template.assistant_label;
}

// Words with a space between them; no space beside an empty one.
std::string Spaced(absl::string_view first, absl::string_view second) {
  return absl::StrCat(first, first.empty() || second.empty() ? "" : " ", second);
}

// The user's message that is to be answered: the last one, if no answer follows it. nullptr: there is none.
const ChatMessage* FindQuestion(absl::Span<const ChatMessage> messages) {
  const auto last = std::find_if(messages.rbegin(), messages.rend(),
                                 [](const ChatMessage& message) { return message.role != ChatRole::kSystem; });
  return last != messages.rend() && last->role == ChatRole::kUser ? &*last : nullptr;
}

}  // namespace

absl::Span<const ChatTemplate> ChatTemplates() { return kTemplates; }

std::string ChatTemplateNames() {
  return absl::StrJoin(kTemplates, ", ", [](std::string* out, const ChatTemplate& chat_template) {
    absl::StrAppend(out, chat_template.name);
  });
}

absl::StatusOr<const ChatTemplate*> FindChatTemplate(absl::string_view name) {
  for (const ChatTemplate& chat_template : kTemplates) {
    if (chat_template.name == name) return &chat_template;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("chat template \"", name, "\": no such template; expected ", ChatTemplateNames()));
}

absl::StatusOr<ChatRole> ParseChatRole(absl::string_view role) {
  for (const RoleName& known : kRoleNames) {
    if (known.name == role) return known.role;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("role \"", role, "\": no such role; expected system, user or assistant"));
}

absl::StatusOr<Thinking> ParseThinking(absl::string_view thinking, const ChatTemplate& chat_template) {
  if (thinking.empty()) return chat_template.thinking;
  for (const ThinkingForm& known : kThinkingForms) {
    if (known.name != thinking) continue;
    if (known.thinking != Thinking::kNone && !chat_template.has_think_block) {
      return absl::InvalidArgumentError(absl::StrCat("think ", thinking, ": the template \"", chat_template.name,
                                                     "\" has no think block; expected none"));
    }
    return known.thinking;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("think \"", thinking, "\": no such form; expected on, off, none, short or long"));
}

std::string CleanMessage(absl::string_view text) {
  std::string cleaned;
  for (const char c : absl::StrReplaceAll(text, {{"\r\n", "\n"}})) {
    if (c != '\n' || cleaned.empty() || cleaned.back() != '\n') cleaned.push_back(c);
  }
  absl::StripAsciiWhitespace(&cleaned);
  return cleaned;
}

std::string RenderChat(const ChatTemplate& chat_template, absl::Span<const ChatMessage> messages, Thinking thinking) {
  const ThinkingForm& form = FormOf(thinking);
  const ChatMessage* question = FindQuestion(messages);
  std::string rendered;
  bool after_system = false;
  for (const ChatMessage& message : messages) {
    after_system = after_system || message.role == ChatRole::kSystem;
    std::string text = CleanText(message);
    if (&message == question) text = Spaced(text, form.request);
    absl::StrAppend(&rendered, Spaced(LabelOf(chat_template, message.role, after_system), text), kTurnEnd);
  }
  if (!messages.empty() && messages.back().role == ChatRole::kAssistant) return rendered;
  absl::StrAppend(&rendered, chat_template.assistant_label, form.opening);
  return rendered;
}

}  // namespace skein
