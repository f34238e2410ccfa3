// A model of real shape on a device, and the time of its steps.
#ifndef SKEIN_BACKENDS_CUDA_CHECK_TIMED_SEGMENT_H_
#define SKEIN_BACKENDS_CUDA_CHECK_TIMED_SEGMENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "cuda/check/real_model.h"
#include "tests/conformance/backend_conformance.h"

namespace skein::check {

// Wall-clock seconds of a step, fence included, over many.
struct StepTime {
  double median = 0, least = 0, most = 0;
  uint32_t num_steps = 0;
};

// How a segment is to run.
struct TimedOptions {
  uint32_t compute_type = SKEIN_DTYPE_NONE;
  uint32_t state_type = SKEIN_DTYPE_F32;
  uint32_t num_slots = 1;
  uint32_t max_tokens = 1;
  uint32_t features = 0;  // of the device
};

// The description of the whole model, for query too.
skein_segment_desc DescribeWhole(const RealModel& model, const TimedOptions& options);

class TimedSegment {
 public:
  // Throws std::runtime_error with the device's message. The device outlives it; the model may go.
  TimedSegment(const conformance::Device& device, const RealModel& model, const TimedOptions& options);

  // One token of each of `num_rows` streams, again and again, with the smallest output that says what comes next. 0
  // seconds: one step without a warm-up, here and below.
  StepTime TimeDecode(uint32_t num_rows, double seconds);
  // One prompt from the beginning, with the output of its last token.
  StepTime TimePrompt(uint32_t num_tokens, double seconds);
  // "top_k", or "logits" where the device does not choose.
  const char* output_name() const { return output_ == SKEIN_STEP_TOP_K ? "top_k" : "logits"; }

  conformance::SegmentHandle& segment() { return segment_; }

 private:
  StepTime Time(double seconds);
  skein_step_entry& AddEntry(uint32_t slot, uint32_t num_tokens);
  void RunOnce();

  conformance::SegmentHandle segment_;
  const uint32_t output_;
  std::vector<uint32_t> tokens_;
  std::vector<skein_step_entry> entries_;
  std::vector<float> rows_;
  std::vector<uint32_t> ids_;
};

}  // namespace skein::check

#endif  // SKEIN_BACKENDS_CUDA_CHECK_TIMED_SEGMENT_H_
