// The instruction sets of Highway that this processor has, for tests that go through them within one process.
#ifndef SKEIN_TESTS_CONFORMANCE_ONEDNN_HIGHWAY_TARGETS_H_
#define SKEIN_TESTS_CONFORMANCE_ONEDNN_HIGHWAY_TARGETS_H_

#include <hwy/targets.h>

#include <cstdint>
#include <vector>

namespace skein::onednn {

// While it lives, Highway runs this instruction set in the whole process; 0: whatever is best.
class HighwayTarget {
 public:
  explicit HighwayTarget(int64_t target) { hwy::SetSupportedTargetsForTest(target); }
  ~HighwayTarget() { hwy::SetSupportedTargetsForTest(0); }
  HighwayTarget(const HighwayTarget&) = delete;
  HighwayTarget& operator=(const HighwayTarget&) = delete;
};

// Whether hn::MulAdd rounds once. Sets that do promise each other the same bits.
inline bool HasFusedMultiplications(int64_t target) {
#if defined(__x86_64__)
  return target <= HWY_AVX2;
#else
  return target != HWY_SCALAR;
#endif
}

// Those of this processor that have fused multiplications.
inline std::vector<int64_t> FusedTargets() {
  std::vector<int64_t> targets = hwy::SupportedAndGeneratedTargets();
  std::erase_if(targets, [](int64_t target) { return !HasFusedMultiplications(target); });
  return targets;
}

}  // namespace skein::onednn

#endif  // SKEIN_TESTS_CONFORMANCE_ONEDNN_HIGHWAY_TARGETS_H_
