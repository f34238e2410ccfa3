// A command queue of a device, which CUDA calls a stream, and a mark in one. They free themselves. The device is
// current when one is made.
#ifndef SKEIN_BACKENDS_CUDA_CUDA_STREAM_H_
#define SKEIN_BACKENDS_CUDA_CUDA_STREAM_H_

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/cuda_error.h"
#include "cuda/current_device.h"

namespace skein::cuda {

class CudaStream {
 public:
  explicit CudaStream(uint32_t device) {
    CheckCuda(device, cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "queue");
  }
  ~CudaStream() { cudaStreamDestroy(stream_); }
  CudaStream(const CudaStream&) = delete;
  CudaStream& operator=(const CudaStream&) = delete;

  cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

// Says whether what was enqueued before Record is done. Query, Synchronize and the end: any thread, whatever device is
// current.
class CudaEvent {
 public:
  explicit CudaEvent(uint32_t device) : device_(device) {
    CheckCuda(device, cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "event");
  }
  ~CudaEvent() {
    const DeviceScope scope(device_);
    cudaEventDestroy(event_);
  }
  CudaEvent(const CudaEvent&) = delete;
  CudaEvent& operator=(const CudaEvent&) = delete;

  cudaError_t Record(cudaStream_t stream) const { return cudaEventRecord(event_, stream); }
  cudaError_t Query() const {
    const DeviceScope scope(device_);
    if (scope.error() != cudaSuccess) return scope.error();
    const cudaError_t error = cudaEventQuery(event_);
    if (error == cudaErrorNotReady) cudaGetLastError();  // CUDA keeps this answer as if it were an error
    return error;
  }
  cudaError_t Synchronize() const {
    const DeviceScope scope(device_);
    return scope.error() == cudaSuccess ? cudaEventSynchronize(event_) : scope.error();
  }
  cudaEvent_t get() const { return event_; }

 private:
  const uint32_t device_;
  cudaEvent_t event_ = nullptr;
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_CUDA_STREAM_H_
