#include "chat/template.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

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
constexpr absl::string_view kEmptyThink = "<think>\n</think";

struct ThinkingName {
  absl::string_view name;
  Thinking thinking;
};
constexpr ThinkingName kThinkingNames[] = {{"on", Thinking::kOn}, {"off", Thinking::kOff}, {"none", Thinking::kNone}};

struct RoleName {
  absl::string_view name;
  ChatRole role;
};
constexpr RoleName kRoleNames[] = {
    {"system", ChatRole::kSystem}, {"user", ChatRole::kUser}, {"assistant", ChatRole::kAssistant}};

// The part of `answer` behind the think block at its beginning. All of it if there is no block; "" if the block does
// not end.
absl::string_view WithoutThoughts(absl::string_view answer) {
  if (!absl::StartsWith(absl::StripLeadingAsciiWhitespace(answer), kThinkStart)) return answer;
  const std::string end = absl::StrCat(kThinkEnd, ">");
  const size_t at = answer.find(end);
  return at == absl::string_view::npos ? "" : answer.substr(at + end.size());
}

}  // namespace

absl::Span<const ChatTemplate> ChatTemplates() { return kTemplates; }

absl::StatusOr<const ChatTemplate*> FindChatTemplate(absl::string_view name) {
  std::vector<absl::string_view> known;
  for (const ChatTemplate& chat_template : kTemplates) {
    if (chat_template.name == name) return &chat_template;
    known.push_back(chat_template.name);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("chat template \"", name, "\": no such template; expected ", absl::StrJoin(known, ", ")));
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
  for (const ThinkingName& known : kThinkingNames) {
    if (known.name != thinking) continue;
    if (known.thinking != Thinking::kNone && !chat_template.has_think_block) {
      return absl::InvalidArgumentError(
          absl::StrCat("think ", thinking, ": the template \"", chat_template.name, "\" has no think block"));
    }
    return known.thinking;
  }
  return absl::InvalidArgumentError(absl::StrCat("think \"", thinking, "\": expected on, off or none"));
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
  std::string rendered;
  bool after_system = false;
  for (const ChatMessage& message : messages) {
    absl::string_view label = chat_template.assistant_label;
    absl::string_view text = message.text;
    switch (message.role) {
      case ChatRole::kSystem:
        label = chat_template.system_label;
        after_system = true;
        break;
      case ChatRole::kUser:
        label = after_system ? chat_template.user_label : chat_template.user_label_without_system;
        break;
      case ChatRole::kAssistant:
        text = WithoutThoughts(text);
        break;
    }
    const std::string cleaned = CleanMessage(text);
    absl::StrAppend(&rendered, label, label.empty() || cleaned.empty() ? "" : " ", cleaned, kTurnEnd);
  }
  if (!messages.empty() && messages.back().role == ChatRole::kAssistant) return rendered;
  absl::StrAppend(&rendered, chat_template.assistant_label);
  if (thinking == Thinking::kOn) absl::StrAppend(&rendered, " ", kThinkStart);
  if (thinking == Thinking::kOff) absl::StrAppend(&rendered, " ", kEmptyThink);
  return rendered;
}

}  // namespace skein
