// Products of many rows by matrices of codes, in the terms of kernels/products.h: the tensor cores multiply by codes,
// or the matrix is made bf16 first, once for all rows, and multiplied as such. Which of these is faster depends on the
// card and the shape: it is timed at load, and kept in the file of the library's algorithms (algorithm_file.h). Numbers
// of rows go by powers of two.
//
// Weights are rounded to bf16 once more then, so that the number of rows decides about the last bits of a row.
//
// Order of calls: Choose for each matrix, Keep, then IsFaster and Multiply.
#ifndef SKEIN_BACKENDS_CUDA_EXPANDED_PRODUCTS_H_
#define SKEIN_BACKENDS_CUDA_EXPANDED_PRODUCTS_H_

#include <cuda_runtime.h>

#include <cstdint>
#include <string>

#include "cuda/algorithm_file.h"
#include "cuda/device_memory.h"
#include "cuda/kernels/launch.h"
#include "cuda/kernels/matrix_view.h"
#include "cuda/kernels/products.h"
#include "cuda/library_products.h"
#include "skein/backend.h"

namespace skein::cuda {

// How a product by codes goes.
enum class CodePath : uint8_t {
  kCodes,            // TileProducts over codes
  kExpandedTiles,    // ExpandCodes, and TileProducts over bf16
  kExpandedLibrary,  // ExpandCodes, and the library
};

// A choice as a file has it.
Algorithm AlgorithmOf(CodePath path);

// The device is current in every call. Threads: one at a time.
class ExpandedProducts {
 public:
  // For steps of `desc`, which was checked. `library` may be NULL; it outlives this object.
  ExpandedProducts(uint32_t device, const skein_segment_desc& desc, LibraryProducts* library);

  // The device's memory that it takes: room for the largest matrix that is expanded. None is larger than 128 MiB then.
  static uint64_t Bytes(const skein_segment_desc& desc);

  // Times the ways for a matrix, unless the file has it, for all numbers of rows for which it may be expanded. `in` and
  // `out`: `most_rows` rows of the matrix's inputs, zeros, and of its outputs, which are written. Waits for the device.
  void Choose(const Queue& queue, const MatrixView& codes, uint32_t most_rows, float* in, float* out);
  // Writes what was chosen to the file.
  void Keep();

  // Whether the matrix is to be expanded for so many rows.
  bool IsFaster(const MatrixView& codes, uint32_t num_rows) const;
  // Enqueues a product for which IsFaster was true. `by_library`: whether the library had it.
  cudaError_t Multiply(const Queue& queue, const DeviceProduct& product, uint32_t num_rows_for_choice,
                       bool& by_library);

 private:
  CodePath PathOf(const MatrixView& codes, uint32_t num_rows) const;
  bool HasRoomFor(const MatrixView& codes) const;
  cudaError_t Run(const Queue& queue, const DeviceProduct& product, CodePath path, bool& by_library);
  // Milliseconds.
  float Time(const Queue& queue, const DeviceProduct& product, CodePath path);

  LibraryProducts* const library_;
  const std::string file_;
  const DeviceArray<unsigned char> expanded_;
  Algorithms choices_;   // of the file, or timed
  Algorithms measured_;  // of these, those that the file lacks
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_EXPANDED_PRODUCTS_H_
