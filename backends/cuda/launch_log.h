// The launches of a segment's steps, each with its shape and its time, in a file: for measurements, which
// check/predict.py compares with what was predicted. Each launch has an event in front and one behind, and each step is
// waited for, so that steps take longer than they do otherwise. The device begins a step when its launches are
// enqueued: a kernel may take less time than the host for the next launch, and the time between two events would be the
// host's.
#ifndef SKEIN_BACKENDS_CUDA_LAUNCH_LOG_H_
#define SKEIN_BACKENDS_CUDA_LAUNCH_LOG_H_

#include <cuda_runtime.h>

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "cuda/batch_layout.h"
#include "cuda/kernels/launch.h"
#include "cuda/timed_runs.h"
#include "skein/backend.h"

namespace skein::cuda {

// Order: Begin, the launches of a step through a queue with this observer, End; again and again. The device is current.
// Threads: one at a time.
class LaunchLog final : public LaunchObserver {
 public:
  // Adds to `file` when it ends. `desc`: of the segment.
  LaunchLog(std::string file, const skein_segment_desc& desc) : file_(std::move(file)), desc_(desc) {}
  ~LaunchLog();
  LaunchLog(const LaunchLog&) = delete;
  LaunchLog& operator=(const LaunchLog&) = delete;

  void Begin(const StepCounts& counts);
  void Before(cudaStream_t stream) override;
  void After(cudaStream_t stream, dim3 grid, uint32_t threads, uint32_t shared_bytes) override;
  // Waits for the stream.
  void End(cudaStream_t stream);

 private:
  struct Launched {
    dim3 grid;
    uint32_t threads;
    uint32_t shared_bytes;
    std::vector<float> times_us;
  };
  using Key = std::tuple<uint32_t, uint32_t, uint32_t>;  // rows, sequences, rows of logits

  // What the stream waits at.
  class Gate {
   public:
    // Enqueues it, closed.
    void Close(cudaStream_t stream);
    void Open();

   private:
    static void Wait(void* self);

    std::mutex mutex_;
    std::condition_variable opened_;
    bool is_open_ = true;
  };

  void Record(size_t index, cudaStream_t stream);
  float TimeOf(size_t index) const;

  const std::string file_;
  const skein_segment_desc desc_;
  struct Steps {
    std::vector<Launched> launches;
    std::vector<float> empty_us;  // between two events with nothing between them
  };
  std::map<Key, Steps> steps_;
  Gate gate_;
  // Of the step between Begin and End. Events 0 and 1 have nothing between them, 2i + 2 and 2i + 3 launch i.
  Key key_ = {};
  std::vector<Launched> launched_;
  std::vector<TimedEvent> events_;
};

// The file that the environment variable SKEIN_CUDA_LAUNCHES names; "": none.
std::string LaunchLogFile();

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_LAUNCH_LOG_H_
