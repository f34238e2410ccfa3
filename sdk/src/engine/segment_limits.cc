#include "engine/segment_limits.h"

#include <algorithm>

#include "runtime/option_keys.h"

namespace skein {

// A step reads one slot of a stream and writes another. That makes two slots for each stream. An eval in progress holds
// a third one, so two more let evals always go on. One more is for a tuned state that streams start from.
SegmentLimits LimitsFor(const ModelFile& file, const Options& options, uint32_t max_streams) {
  SegmentLimits limits;
  limits.max_entries = max_streams;
  limits.num_slots = 2 * limits.max_entries + 2 + (file.initial_state().empty() ? 0 : 1);
  // By default a step has room for prompts beside all streams that decode.
  const int64_t default_tokens = std::max(*model_options::kMaxBatchTokens.value, int64_t{limits.max_entries} + 16);
  limits.max_tokens = static_cast<uint32_t>(options.Find(model_options::kMaxBatchTokens).value_or(default_tokens));
  return limits;
}

SegmentLimits LimitsFor(const ModelFile& file, const Options& options) {
  return LimitsFor(file, options, static_cast<uint32_t>(options[model_options::kMaxStreams]));
}

}  // namespace skein
