// Random numbers for schedules and delays: fast, and the same for a seed on every machine.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_RANDOM_H_
#define SKEIN_TESTS_CUDA_EMULATOR_RANDOM_H_

#include <cstdint>

namespace skein::emulator {

class Random {
 public:
  // splitmix64 spreads seeds that differ by one.
  explicit Random(uint64_t seed) {
    seed += 0x9E3779B97F4A7C15u;
    seed = (seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9u;
    seed = (seed ^ (seed >> 27)) * 0x94D049BB133111EBu;
    state_ = (seed ^ (seed >> 31)) | 1;
  }

  uint64_t Next() {  // xorshift64*
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1Du;
  }

  // In [0, bound), bound below 2^32.
  uint32_t Below(uint32_t bound) { return static_cast<uint32_t>(((Next() >> 32) * bound) >> 32); }

 private:
  uint64_t state_;
};

}  // namespace skein::emulator

#endif  // SKEIN_TESTS_CUDA_EMULATOR_RANDOM_H_
