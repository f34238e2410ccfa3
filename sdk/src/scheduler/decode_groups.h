// How many of the streams that decode are in one step, where several devices work at the same time.
#ifndef SKEIN_SCHEDULER_DECODE_GROUPS_H_
#define SKEIN_SCHEDULER_DECODE_GROUPS_H_

#include <algorithm>
#include <cstdint>

namespace skein {

// `num_decoding`: streams that decode, those in flight too. `num_stages`: devices that each have a part of the layers.
//
// A stream gets its next token only after its last one has passed all stages. In one group, one device works at a time.
// In as many groups as stages, each device has a group. A step of n streams costs a stage a + b n. One group of n costs
// s (a + b n) for a token of each stream, where s is the number of stages; s groups cost s (a + b n / s), which is
// never more.
inline uint32_t DecodesOfStep(uint32_t num_decoding, uint32_t num_stages) {
  return std::max<uint32_t>(1, (num_decoding + num_stages - 1) / num_stages);
}

}  // namespace skein

#endif  // SKEIN_SCHEDULER_DECODE_GROUPS_H_
