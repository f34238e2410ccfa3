// How many of the streams that decode are in one step, where several devices work at the same time.
#ifndef SKEIN_SCHEDULER_DECODE_GROUPS_H_
#define SKEIN_SCHEDULER_DECODE_GROUPS_H_

#include <cstdint>

#include "scheduler/step_cost.h"

namespace skein {

// A stream gets its next token only after its last one has passed all stages: devices that each have a part of the
// layers. In one group, one device works at a time. In several groups the devices work at the same time, and a round,
// a token of each stream, takes as long as the slowest device needs for all groups, or one group for all devices.
//
// If the devices are equally fast, as many groups as stages are never slower. If one has nearly all of the work, they
// read its weights several times for each round, and one group is faster. So the times are measured, of steps alone and
// of steps behind others, and the round that is the shortest by them is taken.
//
// Threads: one at a time. Only the constructor allocates.
class DecodeGroups {
 public:
  // Every so many steps there are as many groups as stages, so that their time is known though it was the longer one.
  static constexpr uint32_t kExplore = 64;

  // `num_stages`: at least 1. `max_rows`: of a step.
  DecodeGroups(uint32_t num_stages, uint32_t max_rows) : num_stages_(num_stages), alone_(max_rows), behind_(max_rows) {}

  // A step took `us` from its begin to its end, while no other was in flight.
  void ObserveAlone(uint64_t rows, uint64_t entries, double us) { alone_.Observe(rows, entries, us); }
  // A step ended `us` after the one before it, behind which it was begun.
  void ObserveBehind(uint64_t rows, uint64_t entries, double us) { behind_.Observe(rows, entries, us); }

  // The most streams of the next step, at least 1. `num_decoding`: those that decode, those in flight too.
  uint32_t DecodesOfStep(uint32_t num_decoding);

 private:
  double RoundUs(uint32_t num_decoding, uint32_t num_groups) const;

  const uint32_t num_stages_;
  StepCost alone_;
  StepCost behind_;
  uint32_t num_steps_ = 0;
};

}  // namespace skein

#endif  // SKEIN_SCHEDULER_DECODE_GROUPS_H_
