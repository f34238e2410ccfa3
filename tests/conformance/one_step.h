// A step that has begun, and its fence.
#ifndef SKEIN_TESTS_CONFORMANCE_ONE_STEP_H_
#define SKEIN_TESTS_CONFORMANCE_ONE_STEP_H_

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/conformance/backend_conformance.h"
#include "tests/conformance/raw_step.h"
#include "tests/conformance/synthetic_model.h"

namespace skein::conformance {

// A step of two tokens with logits. Plugin and segment outlive it.
class OneStep {
 public:
  OneStep(const BackendPlugin& plugin, SegmentHandle& segment, uint32_t read_slot, uint32_t write_slot)
      : plugin_(plugin), segment_(segment), raw_(2), logits_(2 * segment.desc().model.vocab_size, -1) {
    skein_step_entry& entry = raw_.Add(read_slot, write_slot, 0, 2);
    entry.output = SKEIN_STEP_LOGITS;
    entry.output_rows = logits_.data();
    EXPECT_TRUE(segment_.Begin(raw_.Get(), &fence_)) << segment_.message();
  }
  ~OneStep() {
    Wait();
    if (fence_ != nullptr) plugin_.table().fence_release(fence_);
  }
  OneStep(const OneStep&) = delete;
  OneStep& operator=(const OneStep&) = delete;

  void* fence() const { return fence_; }
  int32_t Wait(int64_t timeout_us = -1) const {
    skein_message message = {};
    return fence_ == nullptr ? SKEIN_OK : plugin_.table().fence_wait(fence_, timeout_us, &message);
  }
  bool is_done() const { return fence_ == nullptr || plugin_.table().fence_done(fence_) != 0; }
  // Of a step that is done.
  const std::vector<float>& logits() const { return logits_; }
  int32_t status() const { return raw_.entries[0].status; }

 private:
  const BackendPlugin& plugin_;
  SegmentHandle& segment_;
  RawStep raw_;
  std::vector<float> logits_;
  void* fence_ = nullptr;
};

// The state behind a number of steps of OneStep from the initial state on.
inline std::vector<float> StateBehind(const Device& device, const SyntheticModel& model, size_t num_steps) {
  Pipeline pipeline(device, model);
  if (num_steps == 0) {
    pipeline.Init(0);
  } else {
    pipeline.Feed(0, std::vector<uint32_t>(2 * num_steps, 1), 2);
  }
  return pipeline.Export(0);
}

}  // namespace skein::conformance

#endif  // SKEIN_TESTS_CONFORMANCE_ONE_STEP_H_
