#include "bench/sampled_decode.h"

#include <chrono>
#include <vector>

namespace skein::cli {
namespace {

using Clock = std::chrono::steady_clock;

Request MakeRequest(const Stream& stream, uint64_t num_tokens, size_t seed) {
  // As many tokens in every run.
  Request request(stream, {{"max_tokens", num_tokens}, {"seed", seed}, {"stop_at_end", 0}});
  // One token, so that the step that reads it is like those that generate.
  const Token prompt = 1;
  request.SetPrompt(Span<const Token>(&prompt, 1));
  return request;
}

}  // namespace

double TimeSampledDecode(const Runtime& runtime, std::span<const Stream> streams, uint64_t num_tokens) {
  Queue queue(runtime);
  std::vector<Request> requests;
  for (const Stream& stream : streams) requests.push_back(MakeRequest(stream, num_tokens, requests.size()));
  const Clock::time_point start = Clock::now();
  queue.SubmitAll(requests);
  for (const Event& event : queue) event.ThrowIfError();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace skein::cli
