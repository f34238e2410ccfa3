#include "scheduler/pace.h"

#include <algorithm>

namespace skein {

uint64_t Pace::ChunkBeside(uint64_t num_decoding) const {
  const uint64_t room = limits.max_tokens > num_decoding ? limits.max_tokens - num_decoding : 1;
  if (num_decoding == 0) return room;
  uint64_t fits = cost.RowsThatFit(num_decoding, num_decoding, LongestStepUs(limits, cost, num_decoding), room);
  // The scheduler rounds down to whole tiles: by half a tile in the mean of steps.
  if (fits < room) fits -= std::min<uint64_t>(fits, limits.tile / 2);
  return std::clamp<uint64_t>(fits, std::min<uint64_t>(std::max(1u, limits.min_prompt_tokens), room), room);
}

double Pace::StepUs(uint64_t num_decoding, uint64_t num_prompt_tokens) const {
  const uint64_t num_rows = std::max<uint64_t>(1, num_decoding + num_prompt_tokens);
  const uint64_t num_entries = std::max<uint64_t>(1, num_decoding + (num_prompt_tokens > 0 ? 1 : 0));
  return cost.Overrun() * cost.Time(num_rows, num_entries);
}

}  // namespace skein
