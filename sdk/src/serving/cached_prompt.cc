#include "serving/cached_prompt.h"

#include <utility>

#include "base/status.h"
#include "engine/engine.h"
#include "runtime/option_keys.h"

namespace skein {
namespace {

// The tokens that a stream at `at` feeds: its pending token, and `tokens` behind it.
std::vector<uint32_t> TokensFrom(const StreamState& at, absl::Span<const uint32_t> tokens) {
  std::vector<uint32_t> fed;
  fed.reserve(tokens.size() + 1);
  if (at.pending.has_value()) fed.push_back(*at.pending);
  fed.insert(fed.end(), tokens.begin(), tokens.end());
  return fed;
}

}  // namespace

CachedPrompt CachedPrompt::Begin(const Stream& stream, const RequestSpec& spec) {
  CachedPrompt prompt;
  const std::shared_ptr<PrefixCache>& prefixes = stream.model()->engine()->prefixes();
  const StreamState at = stream.Committed();
  if (!prefixes->is_on() || spec.options[request_options::kPrefixCache] == 0) {
    prompt.absence_ = SKEIN_CACHE_OFF;
  } else if (!stream.IsStart(at) || spec.prompt.empty()) {
    prompt.absence_ = SKEIN_CACHE_NOT_AT_START;
  } else if (spec.options[request_options::kPromptLogprobs] >= 0) {
    prompt.absence_ = SKEIN_CACHE_ROWS;
  } else {
    prompt.reading_ = PrefixReading::Begin(prefixes, stream.prefix_scope(), TokensFrom(at, spec.prompt),
                                           static_cast<int32_t>(spec.options[request_options::kPriority]));
  }
  return prompt;
}

CachedPrompt CachedPrompt::BeginEval(const Stream& stream, absl::Span<const uint32_t> tokens) {
  CachedPrompt prompt;
  const std::shared_ptr<PrefixCache>& prefixes = stream.model()->engine()->prefixes();
  const StreamState at = stream.Committed();
  // Fewer tokens can neither be saved nor leave a state.
  if (!prefixes->is_on() || tokens.size() < PrefixCache::kMinTokens || !stream.IsStart(at)) return prompt;
  prompt.reading_ = PrefixReading::Begin(prefixes, stream.prefix_scope(), TokensFrom(at, tokens), /*priority=*/0);
  return prompt;
}

PrefixReading::Found CachedPrompt::Start(Feed& feed, int64_t now_us) {
  PrefixReading::Found found;
  if (reading_ != nullptr) {
    found = reading_->Start(feed, now_us);
  } else {
    found.outcome = absence_;
  }
  has_started_ = !found.waits;
  if (found.waits) return found;
  const absl::Status skipped = Guarded([&] {
    if (found.num_cached > 0) feed.Skip(found.num_cached, std::move(found.state));
    return absl::OkStatus();
  });
  if (!skipped.ok()) found.num_cached = 0;  // no memory for their history: they are fed
  return found;
}

}  // namespace skein
