// Embed and NormOutputs: before the first layer and after the last.
//   Launch: a block of 256 threads a row. Bound by latency: a row is a few KB, and each sum waits for the one before.
//   What a thread reads of 2048 elements is on its way together, of 1024 codes: one latency of memory, 0.7 us or so by
//   count.
//   Synchronisation: the barriers of the sums.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstddef>
#include <cstdint>

#include "cuda/kernels/device_code.h"
#include "cuda/kernels/norm_rows.h"
#include "cuda/kernels/row_norm.h"
#include "cuda/kernels/store_element.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kThreads = 256;

// Elements of a row that a thread keeps in registers. More of codes would spill on sm_100.
template <WeightType kType>
inline constexpr uint32_t kHeldOf = kType == WeightType::kQ8 || kType == WeightType::kQ4 ? 4 : 8;

// Row blockIdx.x of `out` = LayerNorm of a row over a block. `load`(index) gives an element of the row.
template <uint32_t kHeld, typename Load>
__device__ __forceinline__ void NormRow(const Load& load, const kit::Norm& norm, uint32_t width,
                                        MomentsScratch<kThreads>& scratch, kit::Rows out, const RoundedRows& rounded) {
  const auto x = HoldRow<kThreads, kHeld>(load, width);
  const Moments moments = RowMoments(x, norm.epsilon, scratch);
  const size_t first = size_t{blockIdx.x} * width;
  x.ForEach([&](uint32_t c, float element) {
    StoreElement(Normalized(element, moments, norm.weight[c], norm.bias[c]), first + c, out.data, rounded);
  });
}

// An element of a row of the matrix.
template <WeightType kType>
__device__ __forceinline__ float Weight(const MatrixView& matrix, uint32_t row, uint32_t column) {
  const unsigned char* data = static_cast<const unsigned char*>(matrix.data) + size_t{row} * matrix.row_bytes;
  const __half* scales = matrix.scales + size_t{row} * matrix.groups_per_row;
  if constexpr (kType == WeightType::kF32) {
    return reinterpret_cast<const float*>(data)[column];
  } else if constexpr (kType == WeightType::kF16) {
    return __half2float(reinterpret_cast<const __half*>(data)[column]);
  } else if constexpr (kType == WeightType::kBf16) {
    return __bfloat162float(reinterpret_cast<const __nv_bfloat16*>(data)[column]);
  } else if constexpr (kType == WeightType::kQ8) {
    const auto code = static_cast<float>(reinterpret_cast<const signed char*>(data)[column]);
    return code * __half2float(scales[column / kQ8Group]);
  } else {
    const int code = (data[column / 2] >> (column % 2 * 4) & 0xF) - 8;
    return static_cast<float>(code) * __half2float(scales[column / kQ4Group]);
  }
}

// A result that is none may hold any number.
__device__ __forceinline__ uint32_t TokenOf(uint32_t token, const LogitResult* results_before, uint32_t vocab_size) {
  if ((token & kDrawnToken) == 0) return token;
  const uint32_t drawn = results_before[token & ~kDrawnToken].token;
  return drawn < vocab_size ? drawn : 0;
}

template <WeightType kType>
__global__ void __launch_bounds__(kThreads)
    EmbedKernel(const uint32_t* tokens, const LogitResult* results_before, const MatrixView embedding,
                const kit::Norm norm, const kit::Rows x) {
  __shared__ MomentsScratch<kThreads> scratch;
  DependencyWait();
  DependencyRelease();
  const uint32_t token = TokenOf(tokens[blockIdx.x], results_before, embedding.num_rows);
  const auto load = [&](uint32_t c) { return Weight<kType>(embedding, token, c); };
  NormRow<kHeldOf<kType>>(load, norm, x.width, scratch, x, {});
}

__global__ void __launch_bounds__(kThreads)
    NormOutputsKernel(const uint32_t* output_rows, const kit::Rows x, const kit::Norm norm, const kit::Rows hidden,
                      const RoundedRows rounded) {
  __shared__ MomentsScratch<kThreads> scratch;
  DependencyWait();
  DependencyRelease();
  const float* row = x.data + size_t{output_rows[blockIdx.x]} * x.width;
  const auto load = [row](uint32_t c) { return row[c]; };
  NormRow<kHeldOf<WeightType::kF32>>(load, norm, x.width, scratch, hidden, rounded);
}

template <WeightType kType>
cudaError_t LaunchEmbed(const Queue& queue, const Batch& batch, const LogitResult* results_before,
                        const MatrixView& embedding, const kit::Norm& norm, const kit::Rows& x) {
  return Launch(queue, dim3(x.count), kThreads, EmbedKernel<kType>, batch.tokens, results_before, embedding, norm, x);
}

}  // namespace

cudaError_t Embed(const Queue& queue, const Batch& batch, const LogitResult* results_before,
                  const MatrixView& embedding, const kit::Norm& norm, kit::Rows x) {
  switch (embedding.type) {
    case WeightType::kF32:
      return LaunchEmbed<WeightType::kF32>(queue, batch, results_before, embedding, norm, x);
    case WeightType::kF16:
      return LaunchEmbed<WeightType::kF16>(queue, batch, results_before, embedding, norm, x);
    case WeightType::kBf16:
      return LaunchEmbed<WeightType::kBf16>(queue, batch, results_before, embedding, norm, x);
    case WeightType::kQ8:
      return LaunchEmbed<WeightType::kQ8>(queue, batch, results_before, embedding, norm, x);
    case WeightType::kQ4:
      return LaunchEmbed<WeightType::kQ4>(queue, batch, results_before, embedding, norm, x);
  }
  return cudaErrorInvalidValue;
}

cudaError_t NormOutputs(const Queue& queue, const Batch& batch, kit::Rows x, const kit::Norm& norm, kit::Rows hidden,
                        const RoundedRows& rounded) {
  if (hidden.count == 0) return cudaSuccess;
  return Launch(queue, dim3(hidden.count), kThreads, NormOutputsKernel, batch.output_rows, x, norm, hidden, rounded);
}

}  // namespace skein::cuda
