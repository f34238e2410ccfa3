#include "scheduler/pace.h"

#include <algorithm>

namespace skein {

uint64_t Pace::ChunkBeside(uint64_t num_decoding) const {
  const uint64_t room = limits.max_tokens > num_decoding ? limits.max_tokens - num_decoding : 1;
  if (num_decoding == 0) return room;
  const double us =
      std::min(static_cast<double>(limits.step_us), Scheduler::kStretch * cost.Time(num_decoding, num_decoding));
  const uint64_t fits = cost.RowsThatFit(num_decoding, num_decoding, us, room);
  return std::clamp<uint64_t>(fits, std::min<uint64_t>(std::max(1u, limits.min_prompt_tokens), room), room);
}

double Pace::StepUs(uint64_t num_decoding, uint64_t num_prompt_tokens) const {
  const uint64_t num_rows = std::max<uint64_t>(1, num_decoding + num_prompt_tokens);
  return cost.Time(num_rows, std::max<uint64_t>(1, num_decoding + (num_prompt_tokens > 0 ? 1 : 0)));
}

uint64_t Pace::RowsInTime() const {
  return 1 + cost.RowsThatFit(1, 1, static_cast<double>(limits.step_us), limits.max_tokens - 1);
}

}  // namespace skein
