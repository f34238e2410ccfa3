#include "serving/conversation.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/utf8.h"
#include "chat/model_template.h"
#include "chat/template.h"
#include "runtime/option_keys.h"

namespace skein {
namespace {

absl::StatusOr<const ChatTemplate*> ChooseTemplate(const Model& model, const Options& options) {
  const std::string name = options[chat_options::kTemplate];
  if (!name.empty()) return FindChatTemplate(name);
  const ChatTemplate* of_model = FindModelChatTemplate(model);
  if (of_model == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(
        model.file().path(), ": no chat template is known for this model; name one of ", ChatTemplateNames()));
  }
  return of_model;
}

absl::StatusOr<std::string> Render(const ChatTemplate& chat_template, absl::Span<const ChatMessage> messages,
                                   const Options& options) {
  SKEIN_ASSIGN_OR_RETURN(const Thinking thinking, ParseThinking(options[chat_options::kThink], chat_template));
  for (size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].role == ChatRole::kAssistant || IsUtf8Text(messages[i].text)) continue;
    return absl::InvalidArgumentError(absl::StrCat("message ", i, ": expected UTF-8 without NUL, found other bytes"));
  }
  return RenderChat(chat_template, messages, thinking);
}

}  // namespace

const ChatTemplate* FindModelChatTemplate(const Model& model) {
  const absl::string_view kind = model.tokenizer() != nullptr ? absl::string_view(model.tokenizer()->kind()) : "";
  return RecogniseFileTemplate(model.file(), kind).chat_template;
}

absl::StatusOr<std::string> ChatPrompt(const Model& model, absl::Span<const ChatMessage> messages,
                                       const Options& options) {
  SKEIN_ASSIGN_OR_RETURN(const ChatTemplate* chat_template, ChooseTemplate(model, options));
  return Render(*chat_template, messages, options);
}

absl::Status SetChat(Request& request, absl::Span<const ChatMessage> messages, const Options& options) {
  const Model& model = *request.stream()->model();
  SKEIN_ASSIGN_OR_RETURN(const ChatTemplate* chat_template, ChooseTemplate(model, options));
  SKEIN_ASSIGN_OR_RETURN(const std::string prompt, Render(*chat_template, messages, options));
  SKEIN_RETURN_IF_ERROR(request.SetPrompt(prompt));
  for (const absl::string_view stop : chat_template->stops) SKEIN_RETURN_IF_ERROR(request.AddStop(stop));
  return absl::OkStatus();
}

}  // namespace skein
