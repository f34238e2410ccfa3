// The value product of a channel-mix for one to four rows, step ⑦ of a layer: most inputs are zero after the squared
// ReLU, and the weights of a zero are not read.
//
// Launch: two. First blocks of 128 threads over (256 outputs, 512 inputs, row). A block lists its inputs that are not
// zero, in their order. Of floats, its warps take turns at the list; of codes, a warp takes 128 inputs, one group or
// two, adds up each group's codes by inputs, and scales that sum. For each input a warp reads its outputs in the
// transposed row: 512 bytes of f16, 256 of kQ8, 128 of kQ4. The warps' sums are added up in the order of the warps, and
// go to `scratch`. Then a thread an output adds up the 512-wide sums in their order. All orders are those of a row
// alone, so rows do not change each other.
//
// Limit: the bytes of the rows that are read, and latency: three barriers and a second launch of about 1 us. At 86 %
// zeros, 8192 inputs and 2048 outputs in f16 these are 4.7 MB, 1.1 us at 4.3 TB/s, where the dense product reads 34 MB,
// 7.8 us; the sums between are 0.13 MB there and back. Codes are 2.4 and 1.2 MB and all their scales 0.26 and 0.52, so
// that the latency weighs more. Several rows read their own rows of W each; what they share, the second level cache
// has. These are counts; nothing here was measured.
//
// Synchronisation: one barrier after the counts of the list, one after the list, one after the warps' sums.
//
// Another type of weights: weight_vector.h, LoadOutputs, and a case in SparseProduct.
#include "cuda/kernels/device_code.h"
#include "cuda/kernels/product_ends.h"
#include "cuda/kernels/products.h"
#include "cuda/kernels/weight_vector.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kMaxRows = 4;
constexpr uint32_t kWarps = 4;
constexpr uint32_t kThreads = kWarps * kWarp;
constexpr uint32_t kLaneOutputs = 8;  // floats of 16 bits in 16 bytes
constexpr uint32_t kOutputs = kWarp * kLaneOutputs;
constexpr uint32_t kInputs = 512;
constexpr uint32_t kRounds = kInputs / kThreads;
constexpr uint32_t kDepth = 4;  // rows of W that a warp has on their way
constexpr uint32_t kFinishThreads = 256;
static_assert(kThreads % kQ8Group == 0 && kThreads % kQ4Group == 0 && kRounds == kWarps, "a warp takes whole groups");

uint32_t NumSlices(uint32_t num_inputs) { return (num_inputs + kInputs - 1) / kInputs; }

// The inputs of a block that are not zero.
struct LiveInputs {
  uint32_t counts[kRounds * kWarps];
  uint32_t indices[kInputs];
  float values[kInputs];
};

// Lists inputs [begin, begin + kInputs) of a row, in order, and gives their number.
__device__ __forceinline__ uint32_t ListLive(const kit::Rows& in, uint32_t row, uint32_t begin, Inputs inputs,
                                             LiveInputs& live) {
  const uint32_t warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  float values[kRounds];
  uint32_t votes[kRounds];
#pragma unroll
  for (uint32_t round = 0; round < kRounds; ++round) {
    const uint32_t index = begin + round * kThreads + threadIdx.x;
    values[round] = index < in.width ? Rounded(in.data[size_t{row} * in.width + index], inputs) : 0;
    votes[round] = __ballot_sync(kFullWarp, values[round] != 0);
    if (lane == 0) live.counts[round * kWarps + warp] = __popc(votes[round]);
  }
  __syncthreads();
  uint32_t total = 0;
#pragma unroll
  for (uint32_t i = 0; i < kRounds * kWarps; ++i) {
    const uint32_t round = i / kWarps;
    if (i % kWarps == warp && values[round] != 0) {
      const uint32_t place = total + __popc(votes[round] & ((1u << lane) - 1));
      live.indices[place] = begin + round * kThreads + threadIdx.x;
      live.values[place] = values[round];
    }
    total += live.counts[i];
  }
  __syncthreads();
  return total;
}

// Of a lane's outputs from `output` on, the weights of one input. Rows end in whole pieces of 16 bytes.
template <WeightType kType>
__device__ __forceinline__ WeightVector<kType> LoadOutputs(const MatrixView& columns, uint32_t input, uint32_t output) {
  if constexpr (!IsScaled(kType)) {
    return LoadVector<kType>(columns, input, output / kLaneOutputs);
  } else {
    WeightVector<kType> weights = {};
    if (output >= columns.num_columns) return weights;
    const char* row = static_cast<const char*>(columns.data) + size_t{input} * columns.row_bytes;
    if constexpr (kType == WeightType::kQ8) {
      const uint2 codes = __ldcs(reinterpret_cast<const uint2*>(row + output));
      weights.words[0] = codes.x;
      weights.words[1] = codes.y;
    } else {
      weights.words[0] = __ldcs(reinterpret_cast<const uint32_t*>(row + output / 2));
    }
    return weights;
  }
}

template <WeightType kType>
__device__ __forceinline__ void AddRow(const WeightVector<kType>& weights, float value, float (&sums)[kLaneOutputs]) {
#pragma unroll
  for (uint32_t four = 0; four < kLaneOutputs / 4; ++four) {
    const float4 w = ExpandFour(weights, four);
    sums[4 * four] = fmaf(w.x, value, sums[4 * four]);
    sums[4 * four + 1] = fmaf(w.y, value, sums[4 * four + 1]);
    sums[4 * four + 2] = fmaf(w.z, value, sums[4 * four + 2]);
    sums[4 * four + 3] = fmaf(w.w, value, sums[4 * four + 3]);
  }
}

// Adds the list's entries [begin, end), `stride` apart, to the sums of a lane's outputs from `output` on.
template <WeightType kType>
__device__ __forceinline__ void AddLive(const MatrixView& columns, const LiveInputs& live, uint32_t begin, uint32_t end,
                                        uint32_t stride, uint32_t output, float (&sums)[kLaneOutputs]) {
  for (; begin < end; begin += kDepth * stride) {
    WeightVector<kType> weights[kDepth];
#pragma unroll
    for (uint32_t d = 0; d < kDepth; ++d) {
      const uint32_t i = begin + d * stride;
      if (i < end) weights[d] = LoadOutputs<kType>(columns, live.indices[i], output);
    }
#pragma unroll
    for (uint32_t d = 0; d < kDepth; ++d) {
      const uint32_t i = begin + d * stride;
      if (i < end) AddRow(weights[d], live.values[i], sums);
    }
  }
}

// Where a round of kThreads inputs, or 32 of them, begin in the list.
__device__ __forceinline__ uint32_t BeginInList(const LiveInputs& live, uint32_t count_index) {
  uint32_t begin = 0;
  for (uint32_t i = 0; i < count_index; ++i) begin += live.counts[i];
  return begin;
}

// sums += scale * parts, for a group of inputs and a lane's outputs.
__device__ __forceinline__ void AddScaled(const MatrixView& columns, uint32_t group, uint32_t output,
                                          const float (&parts)[kLaneOutputs], float (&sums)[kLaneOutputs]) {
  if (output >= columns.num_columns) return;
  const __half* scales = columns.scales + size_t{group} * columns.groups_per_row + output;
  const uint4 bits = __ldcs(reinterpret_cast<const uint4*>(scales));
  const uint32_t words[] = {bits.x, bits.y, bits.z, bits.w};
#pragma unroll
  for (uint32_t i = 0; i < kLaneOutputs; i += 2) {
    const float2 scale = HalvesOf(words[i / 2]);
    sums[i] = fmaf(scale.x, parts[i], sums[i]);
    sums[i + 1] = fmaf(scale.y, parts[i + 1], sums[i + 1]);
  }
}

// The sums of a lane's outputs over its warp's share of the list.
template <WeightType kType>
__device__ __forceinline__ void SumLive(const MatrixView& columns, const LiveInputs& live, uint32_t count,
                                        uint32_t slice, float (&sums)[kLaneOutputs]) {
  const uint32_t warp = threadIdx.x / kWarp;
  const uint32_t output = blockIdx.x * kOutputs + threadIdx.x % kWarp * kLaneOutputs;
  if constexpr (!IsScaled(kType)) {
    AddLive<kType>(columns, live, warp, count, kWarps, output, sums);
  } else {
    constexpr uint32_t kGroup = GroupOf(kType);
    for (uint32_t first = warp * kThreads; first < (warp + 1) * kThreads; first += kGroup) {
      const uint32_t begin = BeginInList(live, first / kWarp), end = BeginInList(live, (first + kGroup) / kWarp);
      if (begin == end) continue;
      float parts[kLaneOutputs] = {};
      AddLive<kType>(columns, live, begin, end, 1, output, parts);
      AddScaled(columns, (slice * kInputs + first) / kGroup, output, parts, sums);
    }
  }
}

// scratch [rows][slices][outputs].
template <WeightType kType>
__global__ void __launch_bounds__(kThreads) SumSlicesKernel(const __grid_constant__ MatrixView columns,
                                                            const kit::Rows in, const Inputs inputs, float* scratch) {
  __shared__ LiveInputs live;
  __shared__ __align__(16) float warp_sums[kWarps][kOutputs];
  const uint32_t row = blockIdx.z, slice = blockIdx.y;
  DependencyWait();
  DependencyRelease();
  const uint32_t count = ListLive(in, row, slice * kInputs, inputs, live);
  float sums[kLaneOutputs] = {};
  SumLive<kType>(columns, live, count, slice, sums);

  float4* const mine = reinterpret_cast<float4*>(warp_sums[threadIdx.x / kWarp]) + threadIdx.x % kWarp * 2;
  mine[0] = make_float4(sums[0], sums[1], sums[2], sums[3]);
  mine[1] = make_float4(sums[4], sums[5], sums[6], sums[7]);
  __syncthreads();
  float* const out = scratch + (size_t{row} * gridDim.y + slice) * columns.num_columns;
  for (uint32_t i = threadIdx.x; i < kOutputs; i += kThreads) {
    const uint32_t output = blockIdx.x * kOutputs + i;
    float sum = 0;
#pragma unroll
    for (uint32_t warp = 0; warp < kWarps; ++warp) sum += warp_sums[warp][i];
    if (output < columns.num_columns) out[output] = sum;
  }
}

__global__ void __launch_bounds__(kFinishThreads)
    AddSlicesKernel(const float* scratch, const uint32_t num_slices, const kit::Rows out, const kit::Then then) {
  const uint32_t row = blockIdx.y, output = blockIdx.x * kFinishThreads + threadIdx.x;
  DependencyWait();
  DependencyRelease();
  if (output >= out.width) return;
  float* const place = out.data + size_t{row} * out.width + output;
  const float before = then == kit::Then::kAdd ? *place : 0;
  const float* slices = scratch + size_t{row} * num_slices * out.width + output;
  float sum = 0;
  for (uint32_t slice = 0; slice < num_slices; ++slice) sum += slices[size_t{slice} * out.width];
  *place = Finished(then, sum, before);
}

template <WeightType kType>
cudaError_t LaunchType(const Queue& queue, const DeviceProduct& product, const MatrixView& columns, Inputs inputs,
                       float* scratch) {
  const kit::Rows& out = product.out;
  const uint32_t num_slices = NumSlices(columns.num_rows);
  const dim3 grid((out.width + kOutputs - 1) / kOutputs, num_slices, out.count);
  const cudaError_t error = Launch(queue, grid, kThreads, SumSlicesKernel<kType>, columns, product.in, inputs, scratch);
  if (error != cudaSuccess) return error;
  const dim3 finish_grid((out.width + kFinishThreads - 1) / kFinishThreads, out.count);
  return Launch(queue, finish_grid, kFinishThreads, AddSlicesKernel, scratch, num_slices, out, product.then);
}

}  // namespace

uint64_t SparseScratchFloats(uint32_t num_inputs, uint32_t num_outputs) {
  return uint64_t{kMaxRows} * NumSlices(num_inputs) * num_outputs;
}

cudaError_t SparseProduct(const Queue& queue, const DeviceProduct& product, const MatrixView& columns, Inputs inputs,
                          float* scratch) {
  const kit::Rows &in = product.in, &out = product.out;
  if (in.count != out.count || in.count > kMaxRows) return cudaErrorInvalidValue;
  if (columns.num_rows != in.width || columns.num_columns != out.width) return cudaErrorInvalidValue;
  if (in.count == 0 || in.width == 0 || out.width == 0) return cudaSuccess;
  switch (columns.type) {
    case WeightType::kF16:
      return LaunchType<WeightType::kF16>(queue, product, columns, inputs, scratch);
    case WeightType::kBf16:
      return LaunchType<WeightType::kBf16>(queue, product, columns, inputs, scratch);
    case WeightType::kQ8:
      return LaunchType<WeightType::kQ8>(queue, product, columns, inputs, scratch);
    case WeightType::kQ4:
      return LaunchType<WeightType::kQ4>(queue, product, columns, inputs, scratch);
    case WeightType::kF32:
      return cudaErrorNotSupported;
  }
  return cudaErrorInvalidValue;
}

}  // namespace skein::cuda
