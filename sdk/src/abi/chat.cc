// skein/chat.h.
#include "skein/chat.h"

#include <cstddef>
#include <vector>

#include "abi/guard.h"
#include "abi/handle.h"
#include "abi/option_argument.h"
#include "serving/conversation.h"

namespace skein::abi {

namespace {

// Through `text_bytes`, the last field of the first version of the struct.
constexpr uint32_t kMinMessageBytes = offsetof(skein_chat_message, text_bytes) + sizeof(uint64_t);

absl::StatusOr<std::vector<ChatMessage>> CopyMessages(const void* messages, uint32_t message_size, uint32_t count) {
  if (count > 0) SKEIN_RETURN_IF_ERROR(CheckPointer(messages, "messages"));
  SKEIN_RETURN_IF_ERROR(CheckElementSize(message_size, kMinMessageBytes, "message_size", "skein_chat_message"));
  std::vector<ChatMessage> copied;
  for (uint32_t i = 0; i < count; ++i) {
    const auto* message =
        reinterpret_cast<const skein_chat_message*>(static_cast<const char*>(messages) + uint64_t{i} * message_size);
    const std::string where = absl::StrCat("message ", i);
    SKEIN_RETURN_IF_ERROR(Annotate(CheckPointer(message->role, "role"), where));
    if (message->text_bytes > 0) SKEIN_RETURN_IF_ERROR(Annotate(CheckPointer(message->text, "text"), where));
    const absl::StatusOr<ChatRole> role = ParseChatRole(message->role);
    if (!role.ok()) return Annotate(role.status(), where);
    copied.push_back({*role, std::string(message->text_bytes > 0 ? message->text : "", message->text_bytes)});
  }
  return copied;
}

}  // namespace

extern "C" {

SKEIN_API skein_status skein_model_chat_prompt(skein_model model, const void* messages, uint32_t message_size,
                                               uint32_t count, skein_options options, char* buffer, uint64_t capacity,
                                               uint64_t* size, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(model));
    SKEIN_RETURN_IF_ERROR(CheckPointer(size, "size"));
    SKEIN_ASSIGN_OR_RETURN(const auto values, UnwrapOptions(options, SKEIN_OPTIONS_CHAT));
    SKEIN_ASSIGN_OR_RETURN(const std::vector<ChatMessage> copied, CopyMessages(messages, message_size, count));
    SKEIN_ASSIGN_OR_RETURN(const std::string text, ChatPrompt(*object, copied, *values));
    return CopyToBuffer(text, buffer, capacity, size);
  });
}

SKEIN_API skein_status skein_request_set_chat(skein_request request, const void* messages, uint32_t message_size,
                                              uint32_t count, skein_options options, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(request));
    SKEIN_ASSIGN_OR_RETURN(const auto values, UnwrapOptions(options, SKEIN_OPTIONS_CHAT));
    SKEIN_ASSIGN_OR_RETURN(const std::vector<ChatMessage> copied, CopyMessages(messages, message_size, count));
    return SetChat(*object, copied, *values);
  });
}

}  // extern "C"

}  // namespace skein::abi
