// Whose turn it is among blocks that run together, and whether anyone still gets on.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_TURNS_H_
#define SKEIN_TESTS_CUDA_EMULATOR_TURNS_H_

#include <cstddef>
#include <cstdint>

#include "cuda_emulator/control.h"
#include "random.h"

namespace skein::emulator {

class Turns {
 public:
  Turns(Random& random, Schedule schedule) : random_(random), schedule_(schedule) {}

  // The block that runs next, of those that have not ended: any of them, or the next in order.
  size_t Next(size_t num_live) {
    if (schedule_ == Schedule::kInStep) return next_++ % num_live;
    return random_.Below(static_cast<uint32_t>(num_live));
  }
  // Whether a block that could go on lets another one run. Most run ahead until they wait for others.
  bool Leaves() { return schedule_ != Schedule::kInStep && random_.Below(kLeavesOnceIn) == 0; }

  // A turn has ended; `has_paused`: its thread has looked for what another block is to do. False: so many have done
  // nothing else in a row that everyone has had a turn, and all wait for each other.
  bool End(bool has_paused, size_t num_live) {
    num_idle_ = has_paused ? num_idle_ + 1 : 0;
    return num_idle_ <= 1000 + 100 * num_live;
  }

 private:
  static constexpr uint32_t kLeavesOnceIn = 8;

  Random& random_;
  const Schedule schedule_;
  size_t next_ = 0;
  uint64_t num_idle_ = 0;
};

inline constexpr const char* kEndlessWait = "blocks that wait for each other without an end";

}  // namespace skein::emulator

#endif  // SKEIN_TESTS_CUDA_EMULATOR_TURNS_H_
