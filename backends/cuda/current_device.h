// CUDA's current device, which each thread has of its own.
#ifndef SKEIN_BACKENDS_CUDA_CURRENT_DEVICE_H_
#define SKEIN_BACKENDS_CUDA_CURRENT_DEVICE_H_

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/cuda_error.h"

namespace skein::cuda {

// Makes a device current on this thread, and afterwards the one from before: the thread is the host's, which may use
// CUDA too. Throws UNAVAILABLE if the device is lost.
class CurrentDevice {
 public:
  explicit CurrentDevice(uint32_t device) {
    CheckCuda(device, cudaGetDevice(&before_), "device");
    CheckCuda(device, cudaSetDevice(static_cast<int>(device)), "device");
  }
  ~CurrentDevice() { cudaSetDevice(before_); }
  CurrentDevice(const CurrentDevice&) = delete;
  CurrentDevice& operator=(const CurrentDevice&) = delete;

 private:
  int before_ = 0;
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_CURRENT_DEVICE_H_
