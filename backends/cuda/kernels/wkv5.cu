// Step ③ of a layer of RWKV-5 and 6.
//   Launch: a block of 256 threads a head of a sequence, grid (sequences, heads).
//   Bytes: a head of 64 has 16 KB of state in float32, which is read and written once a step whatever the number of
//   rows. A row's inputs are about 1 KB beside that.
//   The walk: eight rows at a time. First each warp prepares one row. Then all warps take the rows one after the other:
//   a thread has a tile of the state in registers, a few keys by as many values as 16 bytes hold. Its part of y is the
//   sum over its keys; the lanes of a warp with the same values add theirs. Then each warp finishes the row that it
//   prepared: it adds the parts of all warps in their order, then comes group norm and gate.
//   RWKV-6 in a step of few rows: a block makes the decays of its head by itself, out of R inputs a row and 64 R
//   weights (8 KB at R = 64, f16), which saves a launch. Steps of many rows get decays from a product on the tensor
//   cores. Synchronisation: one barrier before the walk, for what was prepared, and one after it, for the parts; where
//   decays are made here, one behind them. The state and the weights are loaded before the wait for the kernel before,
//   which therefore must write no state.
// Other head sizes than 64 are for models nobody trains large: the walk is repeated for every 32 values of the head,
// and y goes through `out`.
#include "cuda/kernels/chunk_kernels.h"
#include "cuda/kernels/device_code.h"
#include "cuda/kernels/head_product.h"
#include "cuda/kernels/slot.h"
#include "cuda/kernels/wkv5.h"
#include "cuda/kernels/wkv_head.h"
#include "cuda/kernels/wkv_heads.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kThreads = kHeadThreads;
constexpr uint32_t kWarps = kHeadWarps;

// The weights of a head that its recurrence takes.
template <uint32_t kChannels>
struct HeadWeights {
  LaneChannels<kChannels> decay;  // w, or the bias of the decay's rows
  LaneChannels<kChannels> bonus;
};

// A row of a head with its decay.
template <uint32_t kChannels>
struct PreparedRow {
  LaneChannels<kChannels> r, w, k, v, g;
  float bonus_weight;  // of v in y: the sum over the keys of r u k
};

// A PreparedRow while the block walks. `g` is for the warp that prepared it.
template <uint32_t kSize>
struct alignas(16) SharedRow {
  float r[kSize], w[kSize], k[kSize], v[kSize], g[kSize];
};

template <uint32_t kChannels>
__device__ __forceinline__ HeadWeights<kChannels> LoadWeights(const Wkv5Arguments& in, uint32_t head_size,
                                                              uint32_t lane) {
  const size_t first = size_t{blockIdx.y} * head_size;
  HeadWeights<kChannels> weights;
  const float* decay = in.decay != nullptr ? in.decay : in.decay_bias;
  weights.decay = LoadChannels<kChannels>(decay + first, head_size, lane);
  weights.bonus = LoadChannels<kChannels>(in.bonus + first, head_size, lane);
  return weights;
}

// Whether the blocks make the decays.
__host__ __device__ inline bool MakesDecays(const Wkv5Arguments& in) {
  return in.decay == nullptr && in.decay_rows.data == nullptr;
}

// Leaves decays as decay_rows has them in `w` of `count` rows from `first_row` on. By all threads of a block.
template <uint32_t kSize>
__device__ __forceinline__ void MakeDecays(const Wkv5Arguments& in, uint32_t first_row, uint32_t count,
                                           uint32_t head_size, SharedRow<kSize>* rows) {
  MultiplyForHead<kWarps>(in.decay_weight, blockIdx.y * head_size, head_size, in.decay_rank, first_row, count,
                          in.decay_inputs, rows[0].w, sizeof(SharedRow<kSize>) / sizeof(float));
}

// Loads a row of a head, and applies Decay6 of ops.h. `first`: the head's first element of the row. `made`: its decays,
// where the block makes them.
template <uint32_t kChannels>
__device__ __forceinline__ PreparedRow<kChannels> Prepare(const Wkv5Arguments& in,
                                                          const HeadWeights<kChannels>& weights, size_t first,
                                                          const float* made, uint32_t head_size, uint32_t lane) {
  PreparedRow<kChannels> row;
  row.r = LoadChannels<kChannels>(in.r.data + first, head_size, lane);
  row.k = LoadChannels<kChannels>(in.k.data + first, head_size, lane);
  row.v = LoadChannels<kChannels>(in.v.data + first, head_size, lane);
  row.w = weights.decay;
  if (in.decay == nullptr) {
    const float* from = in.decay_rows.data != nullptr ? in.decay_rows.data + first : made;
    const auto decay = LoadChannels<kChannels>(from, head_size, lane);
#pragma unroll
    for (uint32_t i = 0; i < kChannels; ++i) row.w.at[i] = expf(-expf(weights.decay.at[i] + decay.at[i]));
  }
  if (in.g.data != nullptr) {
    row.g = LoadChannels<kChannels>(in.g.data + first, head_size, lane);
  } else {
#pragma unroll
    for (uint32_t i = 0; i < kChannels; ++i) row.g.at[i] = 1.0f;
  }
  row.bonus_weight = HeadSum(row.r, row.k, weights.bonus);
  return row;
}

template <uint32_t kChannels, uint32_t kSize>
__device__ __forceinline__ void Share(const PreparedRow<kChannels>& row, uint32_t head_size, uint32_t lane,
                                      SharedRow<kSize>& shared) {
  StoreChannels(row.r, head_size, lane, shared.r);
  StoreChannels(row.w, head_size, lane, shared.w);
  StoreChannels(row.k, head_size, lane, shared.k);
  StoreChannels(row.v, head_size, lane, shared.v);
  StoreChannels(row.g, head_size, lane, shared.g);
}

// The bonus, and NormGate of ops.h, into `out`, the head's part of the row. `y`: Sᵀ r.
template <uint32_t kChannels>
__device__ __forceinline__ void Finish(const LaneChannels<kChannels>& y, float bonus_weight,
                                       const LaneChannels<kChannels>& v, const LaneChannels<kChannels>& g,
                                       const HeadNorm<kChannels>& norm, uint32_t head_size, uint32_t lane, float* out) {
  LaneChannels<kChannels> gated = y;
#pragma unroll
  for (uint32_t i = 0; i < kChannels; ++i) gated.at[i] += bonus_weight * v.at[i];
  gated = Normalized(gated, norm, head_size, lane);
#pragma unroll
  for (uint32_t i = 0; i < kChannels; ++i) gated.at[i] *= g.at[i];
  StoreChannels(gated, head_size, lane, out);
}

// --- head size 64 ---

constexpr uint32_t kSize = 64;
constexpr uint32_t kTile = kWarps;  // rows that are prepared at a time

// A thread's part of the state: a few keys by the values of a chunk.
template <typename Element>
struct StateTile {
  static constexpr uint32_t kValues = kChunk<Element>;
  static constexpr uint32_t kThreadsPerKey = kSize / kValues;
  static constexpr uint32_t kKeys = kSize * kThreadsPerKey / kThreads;
  float at[kKeys][kValues];

  static __device__ __forceinline__ uint32_t FirstKey() { return threadIdx.x / kThreadsPerKey * kKeys; }
  static __device__ __forceinline__ uint32_t FirstValue() { return threadIdx.x % kThreadsPerKey * kValues; }
  __device__ __forceinline__ void Load(const Element* head) {
#pragma unroll
    for (uint32_t i = 0; i < kKeys; ++i) LoadChunk(head + (FirstKey() + i) * kSize + FirstValue(), at[i]);
  }
  __device__ __forceinline__ void StoreTo(Element* head) const {
#pragma unroll
    for (uint32_t i = 0; i < kKeys; ++i) StoreChunk(at[i], head + (FirstKey() + i) * kSize + FirstValue());
  }
};

// A row's step of the recurrence. Leaves the warp's part of y in y [kSize].
template <typename Element>
__device__ __forceinline__ void Step(const SharedRow<kSize>& row, StateTile<Element>& state, float* y) {
  constexpr uint32_t kValues = StateTile<Element>::kValues, kThreadsPerKey = StateTile<Element>::kThreadsPerKey;
  float v[kValues];
  LoadFloats(row.v + state.FirstValue(), v);
  float part[kValues] = {};
#pragma unroll
  for (uint32_t i = 0; i < state.kKeys; ++i) {
    const uint32_t key = state.FirstKey() + i;
    const float r = row.r[key], w = row.w[key], k = row.k[key];
#pragma unroll
    for (uint32_t j = 0; j < kValues; ++j) {
      part[j] += r * state.at[i][j];
      state.at[i][j] = w * state.at[i][j] + k * v[j];
    }
  }
#pragma unroll
  for (uint32_t j = 0; j < kValues; ++j) {
#pragma unroll
    for (uint32_t distance = kThreadsPerKey; distance < kWarp; distance *= 2) {
      part[j] += __shfl_xor_sync(kFullWarp, part[j], distance);
    }
  }
  if (threadIdx.x % kWarp < kThreadsPerKey) StoreFloats(part, y + state.FirstValue());
}

// Where decays are made (MakesDecays), registers are needed that four blocks leave to nobody.
template <typename Element, bool kMakesDecays>
__global__ void __launch_bounds__(kThreads, kMakesDecays ? 2 : 4)
    Wkv5Kernel64(const Batch batch, const States states, const Wkv5Arguments in) {
  constexpr uint32_t kChannels = kSize / kWarp;
  __shared__ SharedRow<kSize> rows[kTile];
  alignas(16) __shared__ float parts[kTile][kWarps][kSize];  // of y, by warp
  __shared__ float norm_weight[kSize], norm_bias[kSize];
  const uint32_t warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const size_t head = size_t{blockIdx.y} * kSize * kSize;

  const Sequence sequence = batch.sequences[blockIdx.x];
  StateTile<Element> state = {};
  const bool is_mine = !IsChunked(in.chunks, sequence.num_rows);
  if (is_mine) state.Load(SlotPart<Element>(states, sequence.read_slot, in.state) + head);
  const HeadWeights<kChannels> weights = LoadWeights<kChannels>(in, kSize, lane);
  if (threadIdx.x < kSize) {
    norm_weight[threadIdx.x] = in.norm.weight[blockIdx.y * kSize + threadIdx.x];
    norm_bias[threadIdx.x] = in.norm.bias[blockIdx.y * kSize + threadIdx.x];
  }
  DependencyWait();  // by every block: the kernel behind this one relies on it
  DependencyRelease();
  if (!is_mine) return;

  for (uint32_t begin = 0; begin < sequence.num_rows; begin += kTile) {
    const uint32_t count = min(kTile, sequence.num_rows - begin);
    const size_t own_row = size_t{sequence.first_row} + begin + warp;
    const size_t own_first = own_row * in.r.width + blockIdx.y * kSize;
    if constexpr (kMakesDecays) {
      MakeDecays(in, sequence.first_row + begin, count, kSize, rows);
      __syncthreads();
    }
    float bonus_weight = 0;
    if (warp < count) {
      const PreparedRow<kChannels> row = Prepare(in, weights, own_first, rows[warp].w, kSize, lane);
      bonus_weight = row.bonus_weight;
      Share(row, kSize, lane, rows[warp]);
    }
    __syncthreads();
#pragma unroll 1  // two at a time take more registers than four blocks leave
    for (uint32_t i = 0; i < count; ++i) Step(rows[i], state, parts[i][warp]);
    __syncthreads();
    if (warp < count) {
      auto y = LoadChannels<kChannels>(parts[warp][0], kSize, lane);
      for (uint32_t part = 1; part < kWarps; ++part)
        y = Sum(y, LoadChannels<kChannels>(parts[warp][part], kSize, lane));
      const auto v = LoadChannels<kChannels>(rows[warp].v, kSize, lane);
      const auto g = LoadChannels<kChannels>(rows[warp].g, kSize, lane);
      const auto norm = LoadNorm<kChannels>(norm_weight, norm_bias, in.norm.epsilon, kSize, lane);
      Finish(y, bonus_weight, v, g, norm, kSize, lane, in.out.data + own_first);
    }
  }
  Element* after = SlotPart<Element>(states, sequence.write_slot, in.state);
  if (after != nullptr) state.StoreTo(after + head);
}

// --- every head size ---

constexpr uint32_t kMostChannels = kMaxHeadSize / kWarp;
constexpr uint32_t kMostKeys = kMaxHeadSize / kWarps;  // of a warp

// A column of the state, by lane: a value by the keys warp, warp + kWarps, ...
struct WarpKeys {
  float at[kMostKeys];
};

// `column`: the value's, or beyond the head.
template <typename Element>
__device__ __forceinline__ WarpKeys LoadKeys(const Element* head, uint32_t head_size, uint32_t column) {
  WarpKeys keys = {};
#pragma unroll
  for (uint32_t i = 0; i < kMostKeys; ++i) {
    const uint32_t key = threadIdx.x / kWarp + i * kWarps;
    if (key < head_size && column < head_size) keys.at[i] = ToFloat(head[key * head_size + column]);
  }
  return keys;
}

template <typename Element>
__device__ __forceinline__ void StoreKeys(const WarpKeys& keys, uint32_t head_size, uint32_t column, Element* head) {
#pragma unroll
  for (uint32_t i = 0; i < kMostKeys; ++i) {
    const uint32_t key = threadIdx.x / kWarp + i * kWarps;
    if (key < head_size && column < head_size) Store(keys.at[i], head[key * head_size + column]);
  }
}

// A row's step of the recurrence. Returns the part of y that the warp's keys give.
__device__ __forceinline__ float StepAny(const SharedRow<kMaxHeadSize>& row, float v, uint32_t head_size,
                                         WarpKeys& state) {
  float part = 0;
#pragma unroll
  for (uint32_t i = 0; i < kMostKeys; ++i) {
    const uint32_t key = threadIdx.x / kWarp + i * kWarps;
    if (key >= head_size) break;
    part += row.r[key] * state.at[i];
    state.at[i] = row.w[key] * state.at[i] + row.k[key] * v;
  }
  return part;
}

// The rows that are prepared at a time, which the block shares.
struct AnyTile {
  SharedRow<kMaxHeadSize> rows[kAnyTile];
  float parts[kAnyTile][kWarps][kWarp];  // of y, by warp and value
};

// Walks all rows of a sequence with the value `column` of each lane, and leaves y in `out`.
__device__ __forceinline__ void WalkColumns(const Wkv5Arguments& in, const Sequence& sequence, uint32_t column,
                                            AnyTile& tile, WarpKeys& state) {
  const uint32_t warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp, head_size = in.head_size;
  for (uint32_t begin = 0; begin < sequence.num_rows; begin += kAnyTile) {
    const uint32_t count = min(kAnyTile, sequence.num_rows - begin);
    const size_t first = (size_t{sequence.first_row} + begin) * in.r.width + size_t{blockIdx.y} * head_size;
    const size_t own_first = first + size_t{warp} * in.r.width;
    if (MakesDecays(in)) {
      MakeDecays(in, sequence.first_row + begin, count, head_size, tile.rows);
      __syncthreads();
    }
    if (warp < count) {
      const auto weights = LoadWeights<kMostChannels>(in, head_size, lane);
      Share(Prepare(in, weights, own_first, tile.rows[warp].w, head_size, lane), head_size, lane, tile.rows[warp]);
    }
    __syncthreads();
    for (uint32_t t = 0; t < count; ++t) {
      const float v = column < head_size ? tile.rows[t].v[column] : 0.0f;
      tile.parts[t][warp][lane] = StepAny(tile.rows[t], v, head_size, state);
    }
    __syncthreads();
    if (warp < count && column < head_size) {
      float y = 0;
      for (uint32_t part = 0; part < kWarps; ++part) y += tile.parts[warp][part][lane];
      in.out.data[own_first + column] = y;
    }
  }
}

template <typename Element>
__global__ void __launch_bounds__(kThreads, 1)
    Wkv5KernelAny(const Batch batch, const States states, const Wkv5Arguments in) {
  __shared__ AnyTile tile;
  const uint32_t lane = threadIdx.x % kWarp, head_size = in.head_size;
  DependencyWait();
  DependencyRelease();
  const auto walk = [&](const Sequence& sequence, uint32_t begin, const Element* before, Element* after) {
    WarpKeys state = LoadKeys(before, head_size, begin + lane);
    WalkColumns(in, sequence, begin + lane, tile, state);
    if (after != nullptr) StoreKeys(state, head_size, begin + lane, after);
  };
  // Each y is read by the thread that wrote it. Decays are of no use any more, and are not made again.
  const auto finish = [&](size_t first) {
    const auto weights = LoadWeights<kMostChannels>(in, head_size, lane);
    const auto row = Prepare(in, weights, first, tile.rows[0].w, head_size, lane);
    const auto y = LoadChannels<kMostChannels>(in.out.data + first, head_size, lane);
    const size_t own_head = size_t{blockIdx.y} * head_size;
    const auto norm =
        LoadNorm<kMostChannels>(in.norm.weight + own_head, in.norm.bias + own_head, in.norm.epsilon, head_size, lane);
    Finish(y, row.bonus_weight, row.v, row.g, norm, head_size, lane, in.out.data + first);
  };
  WalkInParts<Element>(batch, states, in, kWarp, walk, finish);
}

template <typename Element>
HeadKernels<Wkv5Arguments> KernelsFor(const Wkv5Arguments& arguments) {
  HeadKernels<Wkv5Arguments> kernels = {};
  kernels.of_64 = MakesDecays(arguments) ? Wkv5Kernel64<Element, true> : Wkv5Kernel64<Element, false>;
  kernels.of_any = Wkv5KernelAny<Element>;
  return kernels;
}

}  // namespace

cudaError_t Wkv5(const Queue& queue, const Batch& batch, const States& states, const Wkv5Arguments& arguments) {
  if (MakesDecays(arguments) && arguments.chunks != Chunks::kNone) return cudaErrorInvalidValue;
  HeadKernels<Wkv5Arguments> for_f32 = KernelsFor<float>(arguments), for_f16 = KernelsFor<__half>(arguments);
  AddChunkKernels(for_f32, for_f16);
  return LaunchHeads(queue, batch, states, arguments, for_f32, for_f16);
}

}  // namespace skein::cuda
