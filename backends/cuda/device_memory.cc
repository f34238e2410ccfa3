#include "cuda/device_memory.h"

#include <cuda_runtime.h>

#include <string>

#include "cuda/cuda_error.h"
#include "support/boundary.h"

namespace skein::cuda {
namespace {

[[noreturn]] void Refuse(uint32_t device, cudaError_t error, uint64_t bytes, const std::string& purpose) {
  if (error != cudaErrorMemoryAllocation) throw ErrorOf(device, error, purpose.c_str());
  cudaGetLastError();  // it stays until it is asked for, and would be taken for that of a kernel
  std::string text =
      "device " + DeviceName(device) + ": no memory for " + std::to_string(bytes) + " bytes of " + purpose;
  size_t free = 0, total = 0;
  if (cudaMemGetInfo(&free, &total) == cudaSuccess) {
    text += "; " + std::to_string(free) + " of the device's " + std::to_string(total) + " are free";
  }
  throw plugin::Error(SKEIN_RESOURCE_EXHAUSTED, text);
}

}  // namespace

void* AllocateDevice(uint32_t device, uint64_t bytes, const char* purpose) {
  void* memory = nullptr;
  if (bytes == 0) return memory;
  const cudaError_t error = cudaMalloc(&memory, bytes);
  if (error != cudaSuccess) Refuse(device, error, bytes, purpose);
  return memory;
}

void FreeDevice(void* memory) noexcept {
  if (memory != nullptr) cudaFree(memory);
}

void* AllocatePinned(uint32_t device, uint64_t bytes, const char* purpose) {
  void* memory = nullptr;
  if (bytes == 0) return memory;
  const cudaError_t error = cudaMallocHost(&memory, bytes);
  if (error != cudaSuccess) Refuse(device, error, bytes, std::string(purpose) + " in the host's page-locked memory");
  return memory;
}

void FreePinned(void* memory) noexcept {
  if (memory != nullptr) cudaFreeHost(memory);
}

}  // namespace skein::cuda
