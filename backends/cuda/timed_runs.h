// The time of work on a device, for choices between ways to do the same.
#ifndef SKEIN_BACKENDS_CUDA_TIMED_RUNS_H_
#define SKEIN_BACKENDS_CUDA_TIMED_RUNS_H_

#include <cuda_runtime.h>

#include <limits>
#include <memory>
#include <type_traits>

namespace skein::cuda {

inline constexpr float kRefused = std::numeric_limits<float>::infinity();

struct DestroyEvent {
  void operator()(cudaEvent_t event) const { cudaEventDestroy(event); }
};
using TimedEvent = std::unique_ptr<std::remove_pointer_t<cudaEvent_t>, DestroyEvent>;

inline TimedEvent MakeTimedEvent() {
  cudaEvent_t event = nullptr;
  return TimedEvent(cudaEventCreateWithFlags(&event, cudaEventDefault) == cudaSuccess ? event : nullptr);
}

// Milliseconds of a run of what `enqueue` puts into the stream, the mean of five behind one that counts not; kRefused
// if `enqueue` is false or the device fails. Waits for the stream.
template <typename Enqueue>
float TimeRuns(cudaStream_t stream, const Enqueue& enqueue) {
  constexpr int kTimedRuns = 5;
  const TimedEvent begin = MakeTimedEvent(), end = MakeTimedEvent();
  if (!begin || !end || !enqueue()) return kRefused;
  if (cudaEventRecord(begin.get(), stream) != cudaSuccess) return kRefused;
  for (int i = 0; i < kTimedRuns; ++i) {
    if (!enqueue()) return kRefused;
  }
  float time = 0;
  if (cudaEventRecord(end.get(), stream) != cudaSuccess || cudaEventSynchronize(end.get()) != cudaSuccess ||
      cudaEventElapsedTime(&time, begin.get(), end.get()) != cudaSuccess) {
    return kRefused;
  }
  return time / kTimedRuns;
}

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_TIMED_RUNS_H_
