// The emulated devices of the process and everything that was made on them.
//
// Locks, in the order in which they are taken: handles_mutex, execution_mutex. A stream's thread takes the second
// alone.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_SRC_RUNTIME_H_
#define SKEIN_TESTS_CUDA_EMULATOR_SRC_RUNTIME_H_

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "arena.h"
#include "cuda.h"
#include "cuda_emulator/control.h"
#include "detector.h"
#include "executor.h"
#include "stream.h"

namespace skein::emulator {

class Runtime {
 public:
  explicit Runtime(const Options& options);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  const Options& options() const { return options_; }

  // An error that a device does not recover from; cudaSuccess: none.
  cudaError_t DeviceError(int device) const { return static_cast<cudaError_t>(device_errors_[device].load()); }
  void FailDevice(int device, cudaError_t error);

  // Handles. `handle` of the default stream: that of the current device. NULL: no stream of this runtime.
  Stream* Resolve(cudaStream_t handle);
  cudaError_t MakeStream(cudaStream_t* handle, bool blocking);
  cudaError_t DestroyStream(cudaStream_t handle);
  template <typename T>
  bool Owns(const std::map<const void*, std::shared_ptr<T>>& handles, const void* handle) {
    return handles.find(handle) != handles.end();
  }

  // Gives work to a stream, or to the graph that it captures, in the order that the default stream asks for.
  cudaError_t Submit(Stream& stream, Work work);
  // Waits until the stream has done all. During a capture: an error.
  cudaError_t Synchronize(Stream& stream);
  cudaError_t SynchronizeDevice(int device);
  // The host has seen this.
  void HostKnows(const Clock& clock);
  Clock HostClock();
  // For calls that wait or allocate, which are perhaps no part of a capture: they break those that forbid them to this
  // thread. cudaSuccess: none does.
  cudaError_t CheckNoCapture();

  // Called by a stream's thread.
  void RunKernel(Stream& stream, const Launch& launch);
  void RunCopy(Stream& stream, void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width_bytes,
               size_t num_rows, bool is_pageable);
  void RunFill(Stream& stream, void* address, int value, size_t num_bytes);

  // A call that a device answers by its context makes one.
  void MakeContext(int device) const { has_context_[static_cast<size_t>(device)] = true; }
  uint64_t NumContexts() const {
    return static_cast<uint64_t>(std::count(has_context_.begin(), has_context_.end(), true));
  }

  // Whether one of the next allocations is to fail.
  bool NextAllocationFails();
  bool IsPinned(const void* address, size_t num_bytes);

  std::recursive_mutex handles_mutex;
  std::map<const void*, std::shared_ptr<Stream>> streams;
  std::map<const void*, std::shared_ptr<Event>> events;
  std::map<const void*, std::shared_ptr<Graph>> graphs;
  std::map<const void*, std::shared_ptr<GraphExec>> execs;
  std::map<uintptr_t, size_t> pinned;      // the host's memory that devices reach
  std::map<uintptr_t, size_t> registered;  // of it, what the caller owns
  std::map<std::pair<int, const void*>, int> dynamic_shared_limits;
  int num_captures = 0;

  std::mutex execution_mutex;  // of what runs, and of the memory
  Arena arena;
  Detector detector;
  Executor executor;
  Counters counters;

 private:
  void CopyRow(void* to, const void* from, size_t num_bytes);
  void OrderWithDefault(Stream& stream);

  const Options options_;
  std::vector<std::atomic<int>> device_errors_;
  mutable std::vector<std::atomic<bool>> has_context_;  // by device
  std::vector<std::shared_ptr<Stream>> default_streams_;
  std::atomic<uint32_t> num_streams_{0};
  std::atomic<int64_t> num_allocations_{0};
  std::mutex clock_mutex_;
  Clock host_clock_;
};

// The process's, made when it is first asked for.
std::shared_ptr<Runtime> TheRuntime();

// The current device of this thread, and the driver's context of it; NULL: none yet. The runtime works in the context
// that is the device's own, and takes another one that is current for it.
int& CurrentDevice();
CUcontext& CurrentContext();
CUcontext OwnContext(int device);
// What calls that are perhaps unsafe may do on this thread while streams are captured.
cudaStreamCaptureMode& ThreadCaptureMode();
// Set on a thread of CUDA's while it calls a function of the host, which must call nothing of CUDA's.
bool& IsInHostFunction();
// Keeps the error for cudaGetLastError, and gives it back.
cudaError_t Note(cudaError_t error);
void ForgetLastError();
// cudaSuccess if there are devices, the current one is well, and the thread may call. The device's context becomes
// current, unless another one is.
cudaError_t Usable(const Runtime& runtime);

}  // namespace skein::emulator

#endif  // SKEIN_TESTS_CUDA_EMULATOR_SRC_RUNTIME_H_
