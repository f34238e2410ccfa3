// Whether the recurrences of wkv matrices take long sequences by chunks (wkv5_chunk.cu, wkv7_chunk.cu) instead of row
// by row.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_SEQUENCE_CHUNKS_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_SEQUENCE_CHUNKS_H_

#include <cuda_runtime.h>

#include <cstdint>

namespace skein::cuda {

enum class Chunks : uint8_t {
  kNone,
  kRounded,  // what is multiplied within a chunk is rounded to tf32, 10 bits behind the first; sums are float32
  kExact,    // with errors like those of float32
};

// Sequences of so many rows of a step are long. Heads of other sizes than 64 go row by row. Capability 8.0 on.
inline constexpr uint32_t kLeastChunkedRows = 64;

__host__ __device__ inline bool IsChunked(Chunks chunks, uint32_t num_rows) {
  return chunks != Chunks::kNone && num_rows >= kLeastChunkedRows;
}

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_SEQUENCE_CHUNKS_H_
