// Requests: a prompt with sampling and stops, to be submitted to a queue.
#ifndef SKEIN_CPP_REQUEST_HPP_
#define SKEIN_CPP_REQUEST_HPP_

#include <cstdint>
#include <string_view>
#include <vector>

#include "skein/chat.h"
#include "skein/cpp/call.hpp"
#include "skein/cpp/model.hpp"
#include "skein/cpp/namespace.hpp"
#include "skein/cpp/options.hpp"
#include "skein/cpp/owned.hpp"
#include "skein/cpp/span.hpp"
#include "skein/cpp/stream.hpp"
#include "skein/request.h"

SKEIN_CPP_BEGIN

// Is submitted once. A request that runs goes on when its owner ends, and delivers its events; Cancel() ends it.
class Request : public Owned<skein_request, skein_request_release> {
 public:
  using Owned::Owned;
  explicit Request(const Stream& stream, const RequestOptions& options = {}) {
    Call(skein_request_create, stream.get(), out());
    SetOptions(options);
  }
  Request(const Stream& stream, std::string_view prompt, const RequestOptions& options = {})
      : Request(stream, options) {
    SetPrompt(prompt);
  }
  Request(const Stream& stream, Span<const Token> prompt, const RequestOptions& options = {})
      : Request(stream, options) {
    SetPrompt(prompt);
  }

  // Those that are in `options`; the others stay as they are.
  void SetOptions(const RequestOptions& options) const {
    if (options.get() != nullptr) Call(skein_request_set_options, get(), options.get());
  }

  // The later of these three counts. An empty prompt continues from the stream's last token.
  void SetPrompt(std::string_view text) const {
    Call(skein_request_set_prompt, get(), text.data(), static_cast<uint64_t>(text.size()));
  }
  void SetPrompt(Span<const Token> tokens) const {
    Call(skein_request_set_prompt_tokens, get(), tokens.data(), static_cast<uint64_t>(tokens.size()));
  }
  void SetChat(const std::vector<ChatMessage>& messages, const ChatOptions& options = {}) const {
    const std::vector<skein_chat_message> views = ViewsOf(messages);
    Call(skein_request_set_chat, get(), static_cast<const void*>(views.data()),
         static_cast<uint32_t>(sizeof(skein_chat_message)), static_cast<uint32_t>(views.size()), options.get());
  }

  void AddStop(std::string_view text) const {
    Call(skein_request_add_stop, get(), text.data(), static_cast<uint64_t>(text.size()));
  }
  void AddStop(Token token) const { Call(skein_request_add_stop_token, get(), token); }
  // Added to the token's logit before filtering; minus infinity bans it.
  void SetLogitBias(Token token, float bias) const { Call(skein_request_set_logit_bias, get(), token, bias); }
  // A number that every event of the request carries.
  void SetUserData(uint64_t user_data) const { Call(skein_request_set_user_data, get(), user_data); }

  // Asks it to end at the next step; its CANCELLED event follows, unless it ended before.
  void Cancel() const { Call(skein_request_cancel, get()); }
  // Acknowledges delivered tokens of a request with a window.
  void Acknowledge(uint64_t num_tokens) const { Call(skein_request_acknowledge, get(), num_tokens); }

  // Of a sample's tokens, or of the prompt's (SKEIN_SAMPLE_PROMPT): rows of 1 + k (skein_request_logprobs).
  std::vector<skein_logprob> Logprobs(uint32_t sample, uint64_t first, uint64_t num_tokens) const {
    return Read<std::vector<skein_logprob>>(skein_request_logprobs, get(), sample, first, num_tokens);
  }
  // The stream of one of several samples, once the request has ended.
  Stream TakeSample(uint32_t sample) const { return Make<Stream>(skein_request_take_sample, get(), sample); }
};

SKEIN_CPP_END

#endif  // SKEIN_CPP_REQUEST_HPP_
