// Arrays in a device's memory, and arrays in the host's memory that a device copies from and to while the host goes on.
#ifndef SKEIN_BACKENDS_CUDA_DEVICE_MEMORY_H_
#define SKEIN_BACKENDS_CUDA_DEVICE_MEMORY_H_

#include <cstdint>
#include <type_traits>
#include <utility>

#include "kit/checked_product.h"

namespace skein::cuda {

// Memory of unset content. The device is the current one. RESOURCE_EXHAUSTED says what was needed and what is free;
// `purpose` says for what, such as "states". 0 bytes: NULL.
void* AllocateDevice(uint32_t device, uint64_t bytes, const char* purpose);
void FreeDevice(void* memory) noexcept;
void* AllocatePinned(uint32_t device, uint64_t bytes, const char* purpose);
void FreePinned(void* memory) noexcept;

// An array of plain values. Movable; frees itself.
template <typename T, auto kAllocate, auto kFree>
class CudaArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  CudaArray() = default;
  CudaArray(uint32_t device, uint64_t size, const char* purpose)
      : data_(static_cast<T*>(kAllocate(device, Bytes(size), purpose))), size_(size) {}
  CudaArray(CudaArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  CudaArray& operator=(CudaArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~CudaArray() { kFree(data_); }

  static uint64_t Bytes(uint64_t size) { return kit::CheckedProduct(size, sizeof(T)); }

  T* data() const { return data_; }
  uint64_t size() const { return size_; }

 private:
  T* data_ = nullptr;
  uint64_t size_ = 0;
};

template <typename T>
using DeviceArray = CudaArray<T, AllocateDevice, FreeDevice>;
template <typename T>
using PinnedArray = CudaArray<T, AllocatePinned, FreePinned>;

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_DEVICE_MEMORY_H_
