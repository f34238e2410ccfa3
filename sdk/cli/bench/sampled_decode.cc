#include "bench/sampled_decode.h"

#include <chrono>
#include <string>
#include <vector>

#include "call_options.h"

namespace skein::cli {
namespace {

using Clock = std::chrono::steady_clock;

Request MakeRequest(skein_stream stream, uint64_t num_tokens, int64_t seed) {
  Request request = Make<Request>(skein_request_create, stream);
  CallOptions options(SKEIN_OPTIONS_REQUEST);
  options.Set("max_tokens", static_cast<int64_t>(num_tokens));
  options.Set("seed", seed);
  options.Set("stop_at_end", 0);  // as many tokens in every run
  Call(skein_request_set_options, request.get(), options.get());
  // One token, so that the step that reads it is like those that generate.
  const skein_token prompt = 1;
  Call(skein_request_set_prompt_tokens, request.get(), &prompt, uint64_t{1});
  return request;
}

// Takes events until so many requests have ended.
void AwaitEnds(skein_queue queue, size_t num_requests) {
  std::vector<skein_event> events(256);
  std::string text(65536, '\0');
  for (size_t num_ended = 0; num_ended < num_requests;) {
    uint32_t ready = 0, count = 0;
    uint64_t text_bytes = 0;
    Call(skein_queue_wait, queue, int64_t{-1}, &ready);
    Call(skein_queue_poll, queue, static_cast<void*>(events.data()), uint32_t{sizeof(skein_event)},
         static_cast<uint32_t>(events.size()), text.data(), uint64_t{text.size()}, &count, &text_bytes);
    for (uint32_t i = 0; i < count; ++i) {
      if (events[i].kind == SKEIN_EVENT_ERROR) {
        throw Failure(text.substr(events[i].text_offset, events[i].text_bytes));
      }
      if (events[i].kind != SKEIN_EVENT_TOKEN) ++num_ended;
    }
  }
}

}  // namespace

double TimeSampledDecode(skein_runtime runtime, std::span<const Stream> streams, uint64_t num_tokens) {
  const Queue queue = Make<Queue>(skein_queue_create, runtime, nullptr);
  std::vector<Request> requests;
  std::vector<skein_request> handles;
  for (const Stream& stream : streams) {
    requests.push_back(MakeRequest(stream.get(), num_tokens, static_cast<int64_t>(handles.size())));
    handles.push_back(requests.back().get());
  }
  const Clock::time_point start = Clock::now();
  Call(skein_queue_submit, queue.get(), static_cast<const skein_request*>(handles.data()),
       static_cast<uint32_t>(handles.size()));
  AwaitEnds(queue.get(), handles.size());
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace skein::cli
