// Errors of the CUDA runtime as errors of the plugin boundary: a code that says what the caller can do, and a message
// that names the device and what was being done.
#ifndef SKEIN_BACKENDS_CUDA_CUDA_ERROR_H_
#define SKEIN_BACKENDS_CUDA_CUDA_ERROR_H_

#include <cuda_runtime.h>

#include <cstdint>
#include <string>

#include "support/boundary.h"

namespace skein::cuda {

// "cuda:0"
std::string DeviceName(uint32_t device);

// Whether the error ends the use of the device in this process: every later call on it fails too.
bool IsLost(cudaError_t error);

// RESOURCE_EXHAUSTED if memory is what was missing, UNAVAILABLE "device cuda:0 is lost: ..." for an error after which
// every call fails, and also for a device that others hold or for which the plugin has no code, INTERNAL for any other.
// `what` was being done, such as "step".
plugin::Error ErrorOf(uint32_t device, cudaError_t error, const char* what);

// Throws ErrorOf unless `error` is success.
void CheckCuda(uint32_t device, cudaError_t error, const char* what);

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_CUDA_ERROR_H_
