// Models: load, look at, and share between tenants. A loaded model is immutable, and all its streams share it.
#ifndef SKEIN_CPP_MODEL_HPP_
#define SKEIN_CPP_MODEL_HPP_

#include <cstdint>
#include <string>
#include <vector>

#include "skein/chat.h"
#include "skein/cpp/call.hpp"
#include "skein/cpp/namespace.hpp"
#include "skein/cpp/options.hpp"
#include "skein/cpp/owned.hpp"
#include "skein/cpp/runtime.hpp"
#include "skein/cpp/tokenizer.hpp"
#include "skein/model.h"
#include "skein/schedule.h"

SKEIN_CPP_BEGIN

// One turn of a conversation.
struct ChatMessage {
  std::string role;  // "system", "user" or "assistant"
  std::string text;  // UTF-8 without NUL; of the assistant: any bytes
};

// The messages as the C ABI takes them. They must outlive what is returned.
inline std::vector<skein_chat_message> ViewsOf(const std::vector<ChatMessage>& messages) {
  std::vector<skein_chat_message> views;
  views.reserve(messages.size());
  for (const ChatMessage& message : messages) {
    views.push_back({Terminated(message.role), message.text.data(), message.text.size()});
  }
  return views;
}

class Model : public Owned<skein_model, skein_model_release> {
 public:
  using Owned::Owned;
  // Loads a model file, or "synthetic:SHAPE" (skein_model_load).
  Model(const Runtime& runtime, const std::string& path, const ModelOptions& options = {}) {
    Call(skein_model_load, runtime.get(), Terminated(path), options.get(), out());
  }

  skein_model_info Info() const {
    auto info = Sized<skein_model_info>();
    Call(skein_model_get_info, get(), &info);
    return info;
  }

  // Throws NOT_FOUND if the model has none.
  Tokenizer GetTokenizer() const { return Make<Tokenizer>(skein_model_tokenizer, get()); }

  // Renders messages with the model's template (skein/chat.h).
  std::string ChatPrompt(const std::vector<ChatMessage>& messages, const ChatOptions& options = {}) const {
    const std::vector<skein_chat_message> views = ViewsOf(messages);
    return Read<std::string>(skein_model_chat_prompt, get(), static_cast<const void*>(views.data()),
                             static_cast<uint32_t>(sizeof(skein_chat_message)), static_cast<uint32_t>(views.size()),
                             options.get());
  }

  // Sets the policy of a tenant; without options it has the defaults again (skein/schedule.h).
  void SetTenant(const std::string& name, const TenantOptions& options = {}) const {
    Call(skein_model_set_tenant, get(), Terminated(name), options.get());
  }

  // The load of the whole model.
  skein_load Load() const { return LoadOf(nullptr); }
  // The load of one tenant; "" is the common one.
  skein_load Load(const std::string& tenant) const { return LoadOf(Terminated(tenant)); }

 private:
  skein_load LoadOf(const char* tenant) const {
    auto load = Sized<skein_load>();
    Call(skein_model_get_load, get(), tenant, &load);
    return load;
  }
};

SKEIN_CPP_END

#endif  // SKEIN_CPP_MODEL_HPP_
