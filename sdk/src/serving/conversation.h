// Conversations of a model: its template, messages as a prompt, and the stops of an answer. chat/template.h explains
// templates.
#ifndef SKEIN_SERVING_CONVERSATION_H_
#define SKEIN_SERVING_CONVERSATION_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "chat/template.h"
#include "engine/model.h"
#include "runtime/options.h"
#include "serving/request.h"

namespace skein {

// The template of a loaded model, by the rule of chat/recognition.h. nullptr if no fact tells one.
const ChatTemplate* FindModelChatTemplate(const Model& model);

// Gives `messages` as the text of a prompt, with the template and think block that `options` name, or else those of the
// model. `options` is of kind SKEIN_OPTIONS_CHAT. FAILED_PRECONDITION: the model has no template and none is named.
// INVALID_ARGUMENT: no such template or think block, or a text of user or system that is not UTF-8.
absl::StatusOr<std::string> ChatPrompt(const Model& model, absl::Span<const ChatMessage> messages,
                                       const Options& options);

// Sets the text of ChatPrompt as the request's prompt, and adds the template's stops to the request's. Fails with the
// codes of ChatPrompt and of Request::SetPrompt.
absl::Status SetChat(Request& request, absl::Span<const ChatMessage> messages, const Options& options);

}  // namespace skein

#endif  // SKEIN_SERVING_CONVERSATION_H_
