// The end of a step, or of an export, that goes on while the host does something else.
#ifndef SKEIN_BACKENDS_CUDA_FENCE_H_
#define SKEIN_BACKENDS_CUDA_FENCE_H_

#include <cuda_runtime.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "cuda/cuda_stream.h"

namespace skein::cuda {

// Shared by the fence, which the host may keep, and by the segment, which needs the step's memory for a later one.
// What is said of a step is meant of an export too. The first thread that asks after the device is done hands out the
// results. Threads: any.
class EndOfStep {
 public:
  // `what` is it of, such as "step". `hand_out` is called once, on the thread that asks first: it gives results to the
  // caller, and what there is to say about the first entry that failed. It is not called for a step that failed as a
  // whole.
  EndOfStep(uint32_t device, const char* what, std::function<std::string()> hand_out)
      : device_(device), what_(what), event_(device), hand_out_(std::move(hand_out)) {}

  // Behind the last work of the step. Before any call below.
  cudaError_t Record(cudaStream_t stream) const { return event_.Record(stream); }

  // As BackendFence of backend_table.h wants them.
  bool IsDone() noexcept;
  std::optional<std::string> Wait(int64_t timeout_us);
  // Waits for ever, and leaves what went wrong to those who ask.
  void Finish() noexcept;

  // For streams of the device that are to go on behind this step.
  cudaEvent_t event() const { return event_.get(); }

 private:
  // Takes the end, if it was not taken before. `error`: of the wait for the device.
  void Take(cudaError_t error) noexcept;

  const uint32_t device_;
  const char* const what_;
  const CudaEvent event_;

  std::mutex mutex_;
  // Guarded by it:
  bool is_taken_ = false;
  std::function<std::string()> hand_out_;
  int32_t code_ = 0;     // of the step as a whole
  std::string message_;  // with it; or about the first entry that failed
};

// A Fence of backend_table.h.
class Fence {
 public:
  explicit Fence(std::shared_ptr<EndOfStep> end) : end_(std::move(end)) {}

  bool IsDone() noexcept { return end_->IsDone(); }
  std::optional<std::string> Wait(int64_t timeout_us) { return end_->Wait(timeout_us); }

 private:
  const std::shared_ptr<EndOfStep> end_;
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_FENCE_H_
