#include "serving/cached_prompt.h"

#include "engine/engine.h"
#include "runtime/option_keys.h"

namespace skein {

CachedPrompt CachedPrompt::Begin(const Stream& stream, const RequestSpec& spec) {
  CachedPrompt prompt;
  const std::shared_ptr<PrefixCache>& prefixes = stream.model()->engine()->prefixes();
  const StreamState at = stream.Committed();
  if (!prefixes->is_on() || spec.options[request_options::kPrefixCache] == 0) {
    prompt.absence_ = SKEIN_CACHE_OFF;
  } else if (!at.is_start || at.position != 0 || at.pending.has_value() || spec.prompt.empty()) {
    prompt.absence_ = SKEIN_CACHE_NOT_AT_START;
  } else if (spec.options[request_options::kPromptLogprobs] >= 0) {
    prompt.absence_ = SKEIN_CACHE_ROWS;
  } else {
    prompt.reading_ = PrefixReading::Begin(prefixes, stream.prefix_scope(), spec.prompt,
                                           static_cast<int32_t>(spec.options[request_options::kPriority]));
  }
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
  return found;
}

}  // namespace skein
