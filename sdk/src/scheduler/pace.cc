#include "scheduler/pace.h"

#include <algorithm>

namespace skein {

uint64_t Pace::ChunkBeside(uint64_t num_decoding) const {
  const uint64_t room = limits_.max_rows > num_decoding ? limits_.max_rows - num_decoding : 1;
  if (num_decoding == 0) return room;
  const double us = std::min(limits_.target_us, limits_.max_stretch * cost_.Time(num_decoding, num_decoding));
  const uint64_t fits = cost_.RowsThatFit(num_decoding, num_decoding, us, room);
  return std::clamp<uint64_t>(fits, std::min<uint64_t>(std::max(1u, limits_.min_chunk), room), room);
}

double Pace::StepUs(uint64_t num_decoding, uint64_t num_prompt_tokens) const {
  const uint64_t num_rows = std::max<uint64_t>(1, num_decoding + num_prompt_tokens);
  return cost_.Time(num_rows, std::max<uint64_t>(1, num_decoding + (num_prompt_tokens > 0 ? 1 : 0)));
}

uint64_t Pace::RowsInTime() const { return 1 + cost_.RowsThatFit(1, 1, limits_.target_us, limits_.max_rows - 1); }

}  // namespace skein
