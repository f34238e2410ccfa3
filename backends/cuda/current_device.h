// CUDA's current device, which each thread has of its own. Threads are the host's, which may use CUDA too: they find
// theirs as they left it, and a context of the driver's that they have put in front of it.
//
// The host may capture a graph meanwhile, on this thread or another one. CUDA then forbids calls that allocate or ask
// after an event, which might belong to the capture, and breaks it. Ours never belong to it, and say so.
//
// A device that becomes current gets a context, which takes some hundred MiB of its memory, and most calls give one to
// the device that is current. So a thread that goes on with another device than ours does not choose ours and then its
// own again: ours is put in front of it and taken away, by the driver's stack of contexts.
#ifndef SKEIN_BACKENDS_CUDA_CURRENT_DEVICE_H_
#define SKEIN_BACKENDS_CUDA_CURRENT_DEVICE_H_

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/cuda_error.h"

namespace skein::cuda {

// Makes a device current on this thread while it lives, and its calls no part of a capture of the host's. For ends of
// objects, and for calls that must not throw.
class DeviceScope {
 public:
  explicit DeviceScope(uint32_t device) noexcept;
  ~DeviceScope();
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

  // Why the device is not current. That it is lost may show only in the calls that follow.
  cudaError_t error() const { return error_; }

 private:
  enum class Undo : uint8_t { kNothing, kPop, kSet };

  cudaError_t MakeCurrent(int wanted);

  int before_ = 0;
  Undo undo_ = Undo::kNothing;
  cudaStreamCaptureMode capture_mode_ = cudaStreamCaptureModeRelaxed;
  bool has_capture_mode_ = false;  // of the host, to be given back
  cudaError_t error_ = cudaSuccess;
};

// The same for calls that throw: UNAVAILABLE if the device is lost.
class CurrentDevice {
 public:
  explicit CurrentDevice(uint32_t device) : scope_(device) { CheckCuda(device, scope_.error(), "device"); }

 private:
  const DeviceScope scope_;
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_CURRENT_DEVICE_H_
