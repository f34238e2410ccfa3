#include "engine/scheduling.h"

#include "runtime/option_keys.h"

namespace skein {
namespace {

// The defaults that differ by the kind of device.
struct DeviceKind {
  int64_t step_ms;
  uint32_t tile;
  uint32_t min_prompt_tokens;
};
constexpr DeviceKind kInHost = {.step_ms = 100, .tile = 8, .min_prompt_tokens = 16};
// A device that takes steps ahead is one beside the host, with many more multipliers: it needs more rows to be busy,
// and has its steps done sooner.
constexpr DeviceKind kBesideHost = {.step_ms = 25, .tile = 64, .min_prompt_tokens = 64};

// Streams that take about the default alone, as those of a large model do, would leave no time for prompts.
constexpr double kDefaultStretch = 1.5;

}  // namespace

SchedulerLimits SchedulingOf(const Options& options, const SegmentLimits& limits, const StepPipeline& pipeline) {
  const DeviceKind& kind = pipeline.depth > 1 ? kBesideHost : kInHost;
  const int64_t step_ms = options[model_options::kStepTimeMs];
  SchedulerLimits scheduling;
  scheduling.max_tokens = limits.max_tokens;
  scheduling.max_entries = limits.max_entries;
  // More at a time would have their states go and come between steps.
  const int64_t max_running = options[model_options::kMaxRunning];
  scheduling.max_running = max_running == 0 ? limits.max_entries : static_cast<uint32_t>(max_running);
  scheduling.step_us = 1000 * (step_ms == 0 ? kind.step_ms : step_ms);
  scheduling.step_stretch = step_ms == 0 ? kDefaultStretch : 1;
  scheduling.age_limit_us = 1000 * options[model_options::kAgeLimitMs];
  scheduling.tile = kind.tile;
  scheduling.min_prompt_tokens = kind.min_prompt_tokens;
  return scheduling;
}

}  // namespace skein
