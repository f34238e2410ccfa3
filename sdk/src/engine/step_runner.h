// The model as the step loop sees it: steps over slots. DeviceStepRunner implements it, and a fake in the tests.
#ifndef SKEIN_ENGINE_STEP_RUNNER_H_
#define SKEIN_ENGINE_STEP_RUNNER_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "skein/backend.h"

namespace skein {

// UNAVAILABLE of any function: a device is lost, and with it all slots. Threads: one at a time.
class StepRunner {
 public:
  virtual ~StepRunner() = default;

  // Runs `tokens`, of which every entry has its range, and waits for the end. Every entry gets a status. If the call
  // returns an error, the step failed as a whole: the slots that it was to write are undefined, and no other slot is
  // touched. std::bad_alloc, which it may throw, means the same.
  virtual absl::Status Step(absl::Span<const uint32_t> tokens, absl::Span<skein_step_entry> entries) = 0;

  // The state of a slot in canonical layout (backend.h), all layers. `values` has exactly its size.
  virtual absl::Status ExportState(uint32_t slot, absl::Span<float> values) = 0;
  virtual absl::Status ImportState(uint32_t slot, absl::Span<const float> values) = 0;
};

}  // namespace skein

#endif  // SKEIN_ENGINE_STEP_RUNNER_H_
