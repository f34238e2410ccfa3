// skein/request.h.
#include "skein/request.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <vector>

#include "abi/guard.h"
#include "abi/handle.h"
#include "abi/option_argument.h"
#include "serving/submit.h"

namespace skein::abi {

extern "C" {

SKEIN_API skein_status skein_queue_create(skein_runtime runtime, skein_options options, skein_queue* queue,
                                          skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_RETURN_IF_ERROR(CheckPointer(queue, "queue"));
    *queue = nullptr;
    SKEIN_ASSIGN_OR_RETURN(const auto owner, Unwrap(runtime));
    SKEIN_RETURN_IF_ERROR(UnwrapOptions(options, SKEIN_OPTIONS_QUEUE).status());
    SKEIN_ASSIGN_OR_RETURN(auto created, CompletionQueue::Create(owner));
    SKEIN_ASSIGN_OR_RETURN(*queue, Wrap<skein_queue>(std::move(created)));
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_queue_release(skein_queue queue, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Release(queue));
    if (object != nullptr) object->Close();
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_queue_poll(skein_queue queue, void* events, uint32_t event_size, uint32_t capacity,
                                        char* text, uint64_t text_capacity, uint32_t* count, uint64_t* text_bytes,
                                        skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(queue));
    SKEIN_RETURN_IF_ERROR(CheckPointer(count, "count"));
    SKEIN_RETURN_IF_ERROR(CheckPointer(text_bytes, "text_bytes"));
    *count = 0;
    *text_bytes = 0;
    if (capacity > 0) SKEIN_RETURN_IF_ERROR(CheckPointer(events, "events"));
    if (text_capacity > 0) SKEIN_RETURN_IF_ERROR(CheckPointer(text, "text"));
    if (event_size < sizeof(uint32_t)) {
      return absl::InvalidArgumentError(absl::StrCat("event_size ", event_size, "; expected sizeof(skein_event)"));
    }
    uint64_t needed_bytes;
    const EventList taken = object->Take(capacity, text_capacity, &needed_bytes);
    if (taken.empty() && needed_bytes > 0) {
      *text_bytes = needed_bytes;
      return absl::OutOfRangeError(
          absl::StrCat("the text buffer holds ", text_capacity, " bytes; the first event needs ", needed_bytes));
    }
    for (const QueuedEvent& queued : taken) {
      skein_event event = queued.event;
      event.text_offset = *text_bytes;
      event.text_bytes = queued.text.size();
      if (!queued.text.empty()) std::copy(queued.text.begin(), queued.text.end(), text + *text_bytes);
      *text_bytes += queued.text.size();
      std::memcpy(static_cast<char*>(events) + uint64_t{*count} * event_size, &event,
                  std::min<size_t>(event_size, sizeof(event)));
      ++*count;
    }
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_queue_wait(skein_queue queue, int64_t timeout_ms, uint32_t* ready, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(queue));
    SKEIN_RETURN_IF_ERROR(CheckPointer(ready, "ready"));
    *ready = 0;
    std::optional<std::chrono::steady_clock::time_point> deadline;
    // A wait beyond a year is a wait for ever; the clock's arithmetic would overflow.
    constexpr int64_t kYearMs = int64_t{365} * 24 * 3600 * 1000;
    if (timeout_ms >= 0 && timeout_ms < kYearMs) {
      deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    }
    const std::optional<bool> there = object->Wait(deadline);
    if (!there.has_value()) return InvalidHandle("queue", false);
    *ready = *there ? 1 : 0;
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_queue_fd(skein_queue queue, int32_t* fd, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(queue));
    SKEIN_RETURN_IF_ERROR(CheckPointer(fd, "fd"));
    *fd = object->fd();
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_queue_set_wakeup(skein_queue queue, skein_wakeup_fn wakeup, void* argument,
                                              skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(queue));
    object->wakeup().Set(wakeup, argument);
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_queue_submit(skein_queue queue, const skein_request* requests, uint32_t count,
                                          skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(queue));
    if (count > 0) SKEIN_RETURN_IF_ERROR(CheckPointer(requests, "requests"));
    std::vector<std::shared_ptr<Request>> unwrapped;
    for (uint32_t i = 0; i < count; ++i) {
      absl::StatusOr<std::shared_ptr<Request>> request = Unwrap(requests[i]);
      if (!request.ok()) return Annotate(request.status(), absl::StrCat("request ", i));
      unwrapped.push_back(*std::move(request));
    }
    return Submit(unwrapped, object);
  });
}

SKEIN_API skein_status skein_request_create(skein_stream stream, skein_request* request, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_RETURN_IF_ERROR(CheckPointer(request, "request"));
    *request = nullptr;
    SKEIN_ASSIGN_OR_RETURN(auto object, Unwrap(stream));
    const auto created = std::make_shared<Request>(std::move(object));
    SKEIN_ASSIGN_OR_RETURN(*request, Wrap<skein_request>(created));
    created->set_handle(*request);
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_request_release(skein_request request, skein_error* error) {
  return Guard(error, [&] { return Release(request).status(); });
}

SKEIN_API skein_status skein_request_set_prompt(skein_request request, const char* text, uint64_t text_bytes,
                                                skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(request));
    if (text_bytes > 0) SKEIN_RETURN_IF_ERROR(CheckPointer(text, "text"));
    return object->SetPrompt({text, text_bytes});
  });
}

SKEIN_API skein_status skein_request_set_prompt_tokens(skein_request request, const skein_token* tokens,
                                                       uint64_t num_tokens, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(request));
    if (num_tokens > 0) SKEIN_RETURN_IF_ERROR(CheckPointer(tokens, "tokens"));
    return object->SetPromptTokens({tokens, num_tokens});
  });
}

SKEIN_API skein_status skein_request_set_options(skein_request request, skein_options options, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(request));
    SKEIN_RETURN_IF_ERROR(Unwrap(options).status());
    SKEIN_ASSIGN_OR_RETURN(const auto values, UnwrapOptions(options, SKEIN_OPTIONS_REQUEST));
    return object->SetOptions(*values);
  });
}

SKEIN_API skein_status skein_request_add_stop(skein_request request, const char* text, uint64_t text_bytes,
                                              skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(request));
    SKEIN_RETURN_IF_ERROR(CheckPointer(text, "text"));
    return object->AddStop({text, text_bytes});
  });
}

SKEIN_API skein_status skein_request_add_stop_token(skein_request request, skein_token token, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(request));
    return object->AddStopToken(token);
  });
}

SKEIN_API skein_status skein_request_set_logit_bias(skein_request request, skein_token token, float bias,
                                                    skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(request));
    return object->SetLogitBias(token, bias);
  });
}

SKEIN_API skein_status skein_request_set_user_data(skein_request request, uint64_t user_data, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(request));
    return object->SetUserData(user_data);
  });
}

SKEIN_API skein_status skein_request_cancel(skein_request request, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(request));
    object->Cancel();
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_request_take_sample(skein_request request, uint32_t sample, skein_stream* stream,
                                                 skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_RETURN_IF_ERROR(CheckPointer(stream, "stream"));
    *stream = nullptr;
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(request));
    SKEIN_ASSIGN_OR_RETURN(auto kept, object->SampleStream(sample));
    SKEIN_ASSIGN_OR_RETURN(*stream, Wrap<skein_stream>(std::move(kept)));
    object->HandOverSample(sample);
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_request_logprobs(skein_request request, uint32_t sample, uint64_t first,
                                              uint64_t num_tokens, skein_logprob* logprobs, uint64_t capacity,
                                              uint64_t* count, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(request));
    SKEIN_ASSIGN_OR_RETURN(const std::vector<TokenLogprob> rows, object->logprobs().Read(sample, first, num_tokens));
    SKEIN_ASSIGN_OR_RETURN(const BufferUse use,
                           CheckBuffer(logprobs, capacity, rows.size(), count, "log-probabilities"));
    if (use == BufferUse::kSizeOnly) return absl::OkStatus();
    std::transform(rows.begin(), rows.end(), logprobs, [](const TokenLogprob& from) {
      return skein_logprob{from.token, from.logprob};
    });
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_request_acknowledge(skein_request request, uint64_t num_tokens, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(request));
    return object->Acknowledge(num_tokens);
  });
}

}  // extern "C"

}  // namespace skein::abi
