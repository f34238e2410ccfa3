// Products of many rows by cuBLASLt (cublaslt.h), in the terms of kernels/products.h: the inputs are rounded into a
// buffer of 16 bits, the library multiplies, and what follows on the product is a kernel of ours.
#ifndef SKEIN_BACKENDS_CUDA_LIBRARY_PRODUCTS_H_
#define SKEIN_BACKENDS_CUDA_LIBRARY_PRODUCTS_H_

#include <cuda_runtime.h>

#include <cstdint>
#include <memory>
#include <string>

#include "cuda/cublaslt.h"
#include "cuda/device_memory.h"
#include "cuda/kernels/launch.h"
#include "cuda/kernels/products.h"
#include "skein/backend.h"

namespace skein::cuda {

// The device is current in every call. Threads: one at a time.
class LibraryProducts {
 public:
  // For steps of `desc`, which was checked. NULL, with one line in `why_not`, where there is no library.
  static std::unique_ptr<LibraryProducts> Open(uint32_t device, const skein_segment_desc& desc, std::string& why_not);

  // The device's memory that it takes.
  static uint64_t Bytes(const skein_segment_desc& desc);

  // Finds the fastest algorithms for a matrix of F16 or BF16, for all numbers of rows for which the library is chosen.
  // `out`: `most_rows` rows of the matrix's outputs, which are written. Waits for the device.
  void Choose(cudaStream_t stream, const MatrixView& weight, uint32_t most_rows, float* out);
  // As CublasLt's.
  const std::string& file() const { return library_->file(); }
  // After the last Choose.
  void Keep() { library_->Keep(); }

  // Whether a kernel of ours finishes a product. It alone writes copies of its results.
  static bool IsFinishedBehind(kit::Then then) { return then != kit::Then::kStore && then != kit::Then::kAdd; }
  // Enqueues a product. False if the library does not take it; then nothing was enqueued that counts.
  bool Multiply(const Queue& queue, const DeviceProduct& product, Inputs inputs);

 private:
  LibraryProducts(uint32_t device, const skein_segment_desc& desc, std::unique_ptr<CublasLt> library);

  const std::unique_ptr<CublasLt> library_;
  DeviceArray<uint16_t> inputs_;  // rounded: [max_tokens][inputs of the widest matrix, up to a multiple of 8]
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_LIBRARY_PRODUCTS_H_
