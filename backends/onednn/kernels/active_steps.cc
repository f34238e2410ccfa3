#include "onednn/kernels/active_steps.h"

#include <algorithm>
#include <cstddef>

namespace skein::onednn {
namespace {

// Short inputs are in the caches anyway.
constexpr uint32_t kFewestInputs = 256;
// A sample of kSample inputs must have at least kFewestZeros zeros.
constexpr uint32_t kSample = 64, kFewestZeros = 24;
// Above this share of active steps, reading all steps in one stream is as fast (matmul_bench).
constexpr uint64_t kMostPercent = 45;
// The first kSampleSteps steps decide whether the others are looked at. Their share may be higher by chance: by three
// standard deviations.
constexpr uint32_t kSampleSteps = 128;
constexpr uint64_t kMostPercentOfSample = 58;

bool IsMostly(uint64_t count, uint64_t num_steps, uint64_t percent) { return count * 100 > num_steps * percent; }

}  // namespace

ActiveSteps FindActiveSteps(const float* x, uint32_t num_inputs, uint32_t num_rows, uint32_t step_size,
                            uint32_t* steps) {
  if (num_rows > kMaxSparseRows || num_inputs < kFewestInputs) return {};
  if (std::count(x, x + kSample, 0.0f) < kFewestZeros) return {};
  const uint32_t num_steps = (num_inputs + step_size - 1) / step_size;
  uint32_t count = 0;
  for (uint32_t step = 0; step < num_steps; ++step) {
    const size_t begin = size_t{step} * step_size, end = std::min<size_t>(begin + step_size, num_inputs);
    bool is_active = false;
    for (uint32_t row = 0; row < num_rows; ++row) {
      for (size_t i = begin; i < end; ++i) is_active |= x[size_t{row} * num_inputs + i] != 0;
    }
    steps[count] = step;
    count += is_active ? 1 : 0;
    if (step + 1 == kSampleSteps && IsMostly(count, kSampleSteps, kMostPercentOfSample)) return {};
  }
  if (IsMostly(count, num_steps, kMostPercent)) return {};
  std::fill_n(steps + count, ActiveSteps::kReadAhead, count == 0 ? 0 : steps[count - 1]);
  return {steps, count};
}

}  // namespace skein::onednn
