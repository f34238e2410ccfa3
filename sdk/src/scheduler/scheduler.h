// Which tokens of which streams make up the next step. Policy over counts: knows neither text nor tensors.
//
// The policy of this version: every stream that decodes is in the step; what is left of the token budget goes to
// streams that read a prompt, in turn, in equal shares.
#ifndef SKEIN_SCHEDULER_SCHEDULER_H_
#define SKEIN_SCHEDULER_SCHEDULER_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace skein {

// What a step may hold.
struct StepLimits {
  uint32_t max_tokens = 0;   // of all streams together; at least 1
  uint32_t max_entries = 0;  // streams; at least 1
};

// A stream that has tokens to feed.
struct Candidate {
  uint64_t num_tokens = 0;  // known and not fed yet; at least 1
  bool decodes = false;     // its one token was sampled: someone reads along
};

// A stream's part of a step.
struct Share {
  uint32_t candidate = 0;   // index
  uint32_t num_tokens = 0;  // at least 1
};

// Threads: one at a time.
class Scheduler {
 public:
  explicit Scheduler(StepLimits limits) : limits_(limits) {}

  // Plans the next step over `candidates`, which keep their order from call to call. At least one share unless there is
  // no candidate; no candidate twice. Streams that did not get in come first the next time.
  std::vector<Share> Plan(absl::Span<const Candidate> candidates);

 private:
  const StepLimits limits_;
  uint32_t turn_ = 0;  // where the next step starts, so that all get in when there are more streams than entries
};

}  // namespace skein

#endif  // SKEIN_SCHEDULER_SCHEDULER_H_
