// A warp's share of a product on the CUDA cores: a few outputs of up to four rows. The lanes share out a row of weights
// 16 bytes at a time, and add up at the end: each output is one sum in a fixed order, whatever the rows. The inputs lie
// in shared memory, rounded, in chunks where they are many; a chunk's barriers are the kernel's. For device code alone.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_WARP_PRODUCT_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_WARP_PRODUCT_H_

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "cuda/kernels/device_code.h"
#include "cuda/kernels/product_ends.h"
#include "cuda/kernels/products.h"
#include "cuda/kernels/weight_vector.h"

namespace skein::cuda {

// Each lane reads vectors of 8 to 32 floats' worth of inputs, four floats at a time. Four floats of room after each 32
// keep the lanes that read together in different banks, whatever the type.
__host__ __device__ constexpr uint32_t Padded(uint32_t column) { return column + column / 32 * 4; }

// Outputs of a warp, if the launch does not want more blocks.
template <uint32_t kRows>
inline constexpr uint32_t kWarpOutputs = kRows == 4 ? 4 : 2;

template <WeightType kType, uint32_t kRows, uint32_t kOutputsOfWarp = kWarpOutputs<kRows>>
struct WarpProductShape {
  static constexpr uint32_t kOutputs = kOutputsOfWarp;
  // Vectors of an output that a lane has on their way: eight of all.
  static constexpr uint32_t kDepth = 8 / kOutputs;
  // A step is a vector for each lane.
  static constexpr uint32_t kStepColumns = kWarp * ElementsOf(kType);
  // Inputs of a row in shared memory, whole rounds of kDepth steps.
  static constexpr uint32_t kChunk = kDepth * kStepColumns > 4096 / kRows ? kDepth* kStepColumns : 4096 / kRows;
  static constexpr uint32_t kChunkSteps = kChunk / kStepColumns;
  static_assert(kChunk % (kDepth * kStepColumns) == 0);
  static constexpr uint32_t kRowFloats = Padded(kChunk);
};

// Adds a vector of weights by the inputs of each row, in the order of the columns. `x`: the lane's inputs of the first
// row.
template <WeightType kType, uint32_t kRows, uint32_t kOutputs, uint32_t kRowFloats>
__device__ __forceinline__ void AddStep(const WeightVector<kType> (&weights)[kOutputs], const float* x,
                                        float (&sums)[kOutputs][kRows]) {
  float parts[kOutputs][kRows];
#pragma unroll
  for (uint32_t i = 0; i < kOutputs * kRows; ++i) {
    parts[i / kRows][i % kRows] = IsScaled(kType) ? 0 : sums[i / kRows][i % kRows];
  }
#pragma unroll
  for (uint32_t four = 0; four < ElementsOf(kType) / 4; ++four) {
    float4 w[kOutputs];
#pragma unroll
    for (uint32_t o = 0; o < kOutputs; ++o) w[o] = ExpandFour(weights[o], four);
#pragma unroll
    for (uint32_t r = 0; r < kRows; ++r) {
      const float4 in = *reinterpret_cast<const float4*>(x + r * kRowFloats + 4 * four);
#pragma unroll
      for (uint32_t o = 0; o < kOutputs; ++o) {
        float& part = parts[o][r];
        part = fmaf(w[o].x, in.x, part);
        part = fmaf(w[o].y, in.y, part);
        part = fmaf(w[o].z, in.z, part);
        part = fmaf(w[o].w, in.w, part);
      }
    }
  }
#pragma unroll
  for (uint32_t i = 0; i < kOutputs * kRows; ++i) {
    float& sum = sums[i / kRows][i % kRows];
    const float part = parts[i / kRows][i % kRows];
    sum = IsScaled(kType) ? fmaf(__half2float(weights[i / kRows].scale), part, sum) : part;
  }
}

// The outputs of a warp: `first` and those after it, for rows `first_row` and those after it.
template <WeightType kType, uint32_t kRows, uint32_t kOutputsOfWarp = kWarpOutputs<kRows>>
class WarpProduct {
  using S = WarpProductShape<kType, kRows, kOutputsOfWarp>;

 public:
  __device__ WarpProduct(const DeviceProduct& product, uint32_t first, uint32_t first_row)
      : product_(product), first_(first), first_row_(first_row), lane_(threadIdx.x % kWarp) {
#pragma unroll
    for (uint32_t d = 0; d < S::kDepth; ++d) Load(d, d);
  }

  // Each lane gets what ends one of the outputs.
  __device__ void LoadEnd() {
    if (IsMine()) end_ = cuda::LoadEnd(product_, Row(), Output());
  }

  // Adds the steps from `begin` on whose inputs are staged.
  __device__ void AddChunk(uint32_t begin, uint32_t end, const float* staged) {
    const float* x = staged + Padded(lane_ * ElementsOf(kType));
    for (uint32_t step = begin; step < end; step += S::kDepth) {
#pragma unroll
      for (uint32_t d = 0; d < S::kDepth; ++d) {
        if (step + d >= end) continue;
        AddStep<kType, kRows, S::kOutputs, S::kRowFloats>(weights_[d], x + Padded((step + d - begin) * S::kStepColumns),
                                                          sums_);
        Load(d, step + d + S::kDepth);
      }
    }
  }

  __device__ void Store() {
    float mine = 0;
#pragma unroll
    for (uint32_t i = 0; i < S::kOutputs * kRows; ++i) {
      const float sum = WarpSum(sums_[i / kRows][i % kRows]);
      if (lane_ == i) mine = sum;
    }
    if (!IsMine()) return;
    StoreElement(Finished(product_.then, mine, end_), size_t{Row()} * product_.out.width + Output(), product_.out.data,
                 product_.rounded_out);
  }

 private:
  __device__ void Load(uint32_t place, uint32_t step) {
#pragma unroll
    for (uint32_t o = 0; o < S::kOutputs; ++o) {
      weights_[place][o] = LoadVector<kType>(product_.weight, first_ + o, step * kWarp + lane_);
    }
  }

  // Lane o * kRows + r writes output o of row r.
  __device__ uint32_t Row() const { return first_row_ + lane_ % kRows; }
  __device__ uint32_t Output() const { return first_ + lane_ / kRows; }
  __device__ bool IsMine() const {
    return lane_ < S::kOutputs * kRows && Row() < product_.out.count && Output() < product_.out.width;
  }

  const DeviceProduct& product_;
  const uint32_t first_;
  const uint32_t first_row_;
  const uint32_t lane_;
  WeightVector<kType> weights_[S::kDepth][S::kOutputs];
  float sums_[S::kOutputs][kRows] = {};
  EndOperands end_ = {};
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_WARP_PRODUCT_H_
