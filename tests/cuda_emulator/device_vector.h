// An array in an emulated device's memory, for tests.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_DEVICE_VECTOR_H_
#define SKEIN_TESTS_CUDA_EMULATOR_DEVICE_VECTOR_H_

#include <cuda_runtime.h>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

namespace skein::emulator {

// Throws std::runtime_error where the runtime gives an error.
inline void Require(cudaError_t error) {
  if (error != cudaSuccess) throw std::runtime_error(cudaGetErrorName(error));
}

template <typename T>
class DeviceVector {
 public:
  explicit DeviceVector(size_t size) : size_(size) { Require(cudaMalloc(&data_, size * sizeof(T))); }
  explicit DeviceVector(const std::vector<T>& values) : DeviceVector(values.size()) {
    Require(cudaMemcpy(data_, values.data(), size_ * sizeof(T), cudaMemcpyHostToDevice));
  }
  ~DeviceVector() { cudaFree(data_); }
  DeviceVector(const DeviceVector&) = delete;
  DeviceVector& operator=(const DeviceVector&) = delete;

  T* data() const { return data_; }
  size_t size() const { return size_; }
  // Waits for all work of the device.
  std::vector<T> Read() const {
    std::vector<T> values(size_);
    Require(cudaDeviceSynchronize());
    Require(cudaMemcpy(values.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost));
    return values;
  }

 private:
  const size_t size_;
  T* data_ = nullptr;
};

}  // namespace skein::emulator

#endif  // SKEIN_TESTS_CUDA_EMULATOR_DEVICE_VECTOR_H_
