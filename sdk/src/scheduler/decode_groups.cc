#include "scheduler/decode_groups.h"

#include <algorithm>

namespace skein {
namespace {

uint32_t Share(uint32_t num_decoding, uint32_t num_groups) {
  return std::max<uint32_t>(1, (num_decoding + num_groups - 1) / num_groups);
}

}  // namespace

double DecodeGroups::RoundUs(uint32_t num_decoding, uint32_t num_groups) const {
  const uint32_t rows = Share(num_decoding, num_groups);
  const double alone_us = alone_.Time(rows, rows);
  if (num_groups == 1) return alone_us;
  // Until it is known, the devices are taken to be equally fast.
  const double behind_us = behind_.is_known() ? behind_.Time(rows, rows) : alone_us / num_stages_;
  return std::max(alone_us, num_groups * behind_us);
}

uint32_t DecodeGroups::DecodesOfStep(uint32_t num_decoding) {
  if (num_stages_ == 1) return std::max<uint32_t>(1, num_decoding);
  uint32_t best = num_stages_;
  if (alone_.is_known() && ++num_steps_ % kExplore != 0) {
    for (uint32_t num_groups = num_stages_ - 1; num_groups > 0; --num_groups) {
      if (RoundUs(num_decoding, num_groups) < RoundUs(num_decoding, best)) best = num_groups;
    }
  }
  return Share(num_decoding, best);
}

}  // namespace skein
