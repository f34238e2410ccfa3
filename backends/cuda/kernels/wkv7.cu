// Step ③ of a layer of RWKV-7.
//   Launch: a block of 256 threads a head of a sequence, grid (sequences, heads).
//   Bytes: a head of 64 has 16 KB of state in float32, which is read and written once a step whatever the number of
//   rows. A row's inputs are 2 KB beside that.
//   A step that decodes, one row a sequence, has a kernel of its own with 64 registers: four blocks, and 64 KB of
//   states on their way to a multiprocessor of sm_90 (32 KB in binary16), where the walk has 106 registers and two
//   blocks. A block takes some 1.8 us from its first load to its last store, by count: two latencies, those of the
//   sequence and of the state, beside which the inputs and the weights come, and 0.8 us of sums that wait for each
//   other. So four read and write 9.6 TB/s of states in float32 and half of that in binary16, more than memory does.
//   Nothing was measured. The walk: eight rows at a time. First each warp prepares one row (decay, keys, value), and
//   loads what the next one brings. Then all warps take the rows one after the other: a thread has a quarter of a row
//   of the state in registers, and the four threads of the row add their sums. Then each warp finishes the row that it
//   prepared (group norm, bonus, gate). Synchronisation: one barrier for the weights and, where there is one row, its
//   inputs, which each warp brings one of; one before a walk, for what was prepared, and one after it, for the sums.
//   The state and the weights are loaded before the wait for the kernel before, which therefore must write no state.
// Other head sizes than 64 are for models nobody trains large: the walk is repeated for every 32 values of the head,
// and y goes through `out`.
#include "cuda/kernels/chunk_kernels.h"
#include "cuda/kernels/device_code.h"
#include "cuda/kernels/slot.h"
#include "cuda/kernels/wkv5.h"
#include "cuda/kernels/wkv7.h"
#include "cuda/kernels/wkv7_head.h"
#include "cuda/kernels/wkv7_row.h"
#include "cuda/kernels/wkv_head.h"
#include "cuda/kernels/wkv_heads.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kThreads = kHeadThreads;
constexpr uint32_t kWarps = kHeadWarps;

// Those of head blockIdx.y.
template <uint32_t kChannels>
__device__ __forceinline__ HeadWeights<kChannels> LoadWeights(const Wkv7Arguments& in, uint32_t head_size,
                                                              uint32_t lane) {
  const size_t first = size_t{blockIdx.y} * head_size;
  HeadWeights<kChannels> weights = {};
  weights.decay_bias = LoadChannels<kChannels>(in.decay_bias + first, head_size, lane);
  weights.rate_bias = LoadChannels<kChannels>(in.keys.rate_bias + first, head_size, lane);
  weights.key_k = LoadChannels<kChannels>(in.keys.key_k + first, head_size, lane);
  weights.key_a = LoadChannels<kChannels>(in.keys.key_a + first, head_size, lane);
  if (in.v_first.data != nullptr) {
    weights.value_bias = LoadChannels<kChannels>(in.value_bias + first, head_size, lane);
  }
  weights.bonus = LoadChannels<kChannels>(in.bonus + first, head_size, lane);
  return weights;
}

// `first`: the head's first element of the row.
template <uint32_t kChannels>
__device__ __forceinline__ RowInputs<kChannels> LoadRow(const Wkv7Arguments& in, size_t first, uint32_t head_size,
                                                        uint32_t lane) {
  RowInputs<kChannels> row = {};
  row.r = LoadChannels<kChannels>(in.r.data + first, head_size, lane);
  row.decay = LoadChannels<kChannels>(in.decay.data + first, head_size, lane);
  row.key = LoadChannels<kChannels>(in.keys.key.data + first, head_size, lane);
  row.rate = LoadChannels<kChannels>(in.keys.rate.data + first, head_size, lane);
  row.value = LoadChannels<kChannels>(in.value.data + first, head_size, lane);
  if (in.v_first.data != nullptr) {
    row.v_first = LoadChannels<kChannels>(in.v_first.data + first, head_size, lane);
    row.value_gate = LoadChannels<kChannels>(in.value_gate.data + first, head_size, lane);
  }
  row.g = LoadChannels<kChannels>(in.g.data + first, head_size, lane);
  return row;
}

// --- head size 64 ---

constexpr uint32_t kSize = kHeadChannels;
constexpr uint32_t kTile = kWarps;  // rows that are prepared at a time

// Blocks that a multiprocessor has room for where each sequence has one row. With four, 8 bytes would spill on sm_120.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 1200
constexpr uint32_t kOneRowBlocks = 3;
#else
constexpr uint32_t kOneRowBlocks = 4;
#endif

// kIsOneRow: each sequence has one row, as in a step that decodes. There is no next row to be held then, so that more
// blocks have room: such a step is bound by the states that are on their way.
template <typename Element, bool kIsOneRow>
__global__ void __launch_bounds__(kThreads, kIsOneRow ? kOneRowBlocks : 2)
    Wkv7Kernel64(const Batch batch, const States states, const Wkv7Arguments in) {
  constexpr uint32_t kChannels = kSize / kWarp, kRowsAtOnce = kIsOneRow ? 1 : kTile;
  __shared__ SharedRow<kSize> rows[kRowsAtOnce];
  __shared__ float y[kRowsAtOnce][kSize];
  __shared__ SharedWeights weights;
  [[maybe_unused]] __shared__ SharedInputs shared_inputs;  // of the one row
  const uint32_t warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp, value = threadIdx.x / kQuads;
  const size_t state_row = (size_t{blockIdx.y} * kSize + value) * kSize;

  const Sequence sequence = batch.sequences[blockIdx.x];
  const uint32_t num_rows = kIsOneRow ? 1 : sequence.num_rows;
  const bool is_mine = !IsChunked(in.chunks, num_rows);
  RawQuarter<Element> before;
  if (is_mine) before.Load(SlotPart<Element>(states, sequence.read_slot, in.state) + state_row);
  const SharedWeights::Share share = SharedWeights::Load(in, blockIdx.y);
  DependencyWait();  // by every block: the kernel behind this one relies on it
  DependencyRelease();
  if (!is_mine) return;
  size_t own_first = (size_t{sequence.first_row} + warp) * in.r.width + blockIdx.y * kSize;
  // Nothing waits for the weights before the inputs are on their way too.
  if constexpr (kIsOneRow) {
    const auto own = SharedInputs::Load(in, own_first - size_t{warp} * in.r.width, warp, lane);
    weights.Fill(share);
    StoreChannels(own, kSize, lane, shared_inputs.at[warp]);
  } else {
    weights.Fill(share);
  }
  __syncthreads();

  StateQuarter<Element> state;
  if constexpr (!kIsOneRow) state = before.Expanded();
  RowInputs<kChannels> inputs = {};
  if (warp < num_rows) {
    inputs = kIsOneRow ? shared_inputs.Read<kChannels>(lane) : LoadRow<kChannels>(in, own_first, kSize, lane);
  }
  for (uint32_t begin = 0; begin < num_rows; begin += kRowsAtOnce) {
    const uint32_t count = min(kRowsAtOnce, num_rows - begin);
    float bonus_weight = 0;
    if (warp < count) {
      const auto row = Prepare(inputs, weights.Read<kChannels>(lane), in.v_first.data != nullptr, SumOfWarp());
      bonus_weight = row.bonus_weight;
      Share(row, kSize, lane, rows[warp]);
    }
    const size_t next_first = own_first + size_t{kRowsAtOnce} * in.r.width;
    if (begin + kRowsAtOnce + warp < num_rows) inputs = LoadRow<kChannels>(in, next_first, kSize, lane);
    __syncthreads();
    if constexpr (kIsOneRow) state = before.Expanded();  // earlier it would take room from what is prepared
    for (uint32_t i = 0; i < count; ++i) {
      const float out = Step(rows[i], rows[i].v[value], state);
      if (threadIdx.x % kQuads == 0) y[i][value] = out;
    }
    __syncthreads();
    if (warp < count) {
      const auto own_y = LoadChannels<kChannels>(y[warp], kSize, lane);
      const auto v = LoadChannels<kChannels>(rows[warp].v, kSize, lane);
      const auto g = LoadChannels<kChannels>(rows[warp].g, kSize, lane);
      const auto norm = weights.ReadNorm<kChannels>(in.norm.epsilon, lane);
      Finish(own_y, bonus_weight, v, g, norm, kSize, lane, in, own_first);
    }
    own_first = next_first;
  }
  Element* after = SlotPart<Element>(states, sequence.write_slot, in.state);
  if (after != nullptr) state.StoreTo(after + state_row);
}

// --- every head size ---

constexpr uint32_t kMostChannels = kMaxHeadSize / kWarp;
constexpr uint32_t kValuesOfWarp = 4;  // rows of the state that a warp walks with at a time

// A warp's rows of the state, from value `first_value` on. The lanes share the keys.
struct WarpRows {
  LaneChannels<kMostChannels> at[kValuesOfWarp];
};

template <typename Element>
__device__ __forceinline__ WarpRows LoadRows(const Element* head, uint32_t head_size, uint32_t first_value,
                                             uint32_t lane) {
  WarpRows rows = {};
#pragma unroll
  for (uint32_t j = 0; j < kValuesOfWarp; ++j) {
    if (first_value + j >= head_size) break;
    const Element* row = head + (first_value + j) * head_size;
#pragma unroll
    for (uint32_t i = 0; i < kMostChannels; ++i) {
      const uint32_t key = lane + i * kWarp;
      if (key < head_size) rows.at[j].at[i] = ToFloat(row[key]);
    }
  }
  return rows;
}

template <typename Element>
__device__ __forceinline__ void StoreRows(const WarpRows& rows, uint32_t head_size, uint32_t first_value, uint32_t lane,
                                          Element* head) {
#pragma unroll
  for (uint32_t j = 0; j < kValuesOfWarp; ++j) {
    if (first_value + j >= head_size) break;
    Element* row = head + (first_value + j) * head_size;
#pragma unroll
    for (uint32_t i = 0; i < kMostChannels; ++i) {
      const uint32_t key = lane + i * kWarp;
      if (key < head_size) Store(rows.at[j].at[i], row[key]);
    }
  }
}

// A row's step of the recurrence for one row of the state. Returns y of its value, in every lane.
__device__ __forceinline__ float StepAny(const SharedRow<kMaxHeadSize>& row, float v, uint32_t head_size, uint32_t lane,
                                         LaneChannels<kMostChannels>& state) {
  float removed = 0;
#pragma unroll
  for (uint32_t i = 0; i < kMostChannels; ++i) {
    const uint32_t key = lane + i * kWarp;
    if (key < head_size) removed += state.at[i] * row.kk[key];
  }
  removed = WarpSum(removed);
  float y = 0;
#pragma unroll
  for (uint32_t i = 0; i < kMostChannels; ++i) {
    const uint32_t key = lane + i * kWarp;
    if (key >= head_size) break;
    state.at[i] = state.at[i] * row.w[key] - removed * row.b[key] + v * row.k[key];
    y += state.at[i] * row.r[key];
  }
  return WarpSum(y);
}

// Walks all rows of a sequence with the values [first_value, first_value + kValuesOfWarp) of each warp, and leaves y in
// `out`.
template <typename Element>
__device__ void WalkValues(const Wkv7Arguments& in, const Sequence& sequence, uint32_t first_value,
                           SharedRow<kMaxHeadSize> (&rows)[kAnyTile], WarpRows& state) {
  const uint32_t warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp, head_size = in.head_size;
  for (uint32_t begin = 0; begin < sequence.num_rows; begin += kAnyTile) {
    const uint32_t count = min(kAnyTile, sequence.num_rows - begin);
    const size_t first = (size_t{sequence.first_row} + begin) * in.r.width + size_t{blockIdx.y} * head_size;
    if (warp < count) {
      const auto row = LoadRow<kMostChannels>(in, first + size_t{warp} * in.r.width, head_size, lane);
      const auto weights = LoadWeights<kMostChannels>(in, head_size, lane);
      Share(Prepare(row, weights, in.v_first.data != nullptr, SumOfWarp()), head_size, lane, rows[warp]);
    }
    __syncthreads();
    for (uint32_t t = 0; t < count; ++t) {
#pragma unroll
      for (uint32_t j = 0; j < kValuesOfWarp; ++j) {
        const uint32_t value = first_value + j;
        if (value >= head_size) break;
        const float y = StepAny(rows[t], rows[t].v[value], head_size, lane, state.at[j]);
        if (lane == 0) in.out.data[first + size_t{t} * in.r.width + value] = y;
      }
    }
    __syncthreads();
  }
}

template <typename Element>
__global__ void __launch_bounds__(kThreads)
    Wkv7KernelAny(const Batch batch, const States states, const Wkv7Arguments in) {
  __shared__ SharedRow<kMaxHeadSize> rows[kAnyTile];
  const uint32_t warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp, head_size = in.head_size;
  DependencyWait();
  DependencyRelease();
  const auto walk = [&](const Sequence& sequence, uint32_t begin, const Element* before, Element* after) {
    const uint32_t first_value = begin + warp * kValuesOfWarp;
    WarpRows state = LoadRows(before, head_size, first_value, lane);
    WalkValues<Element>(in, sequence, first_value, rows, state);
    if (after != nullptr) StoreRows(state, head_size, first_value, lane, after);
  };
  const auto finish = [&](size_t first) {
    const auto weights = LoadWeights<kMostChannels>(in, head_size, lane);
    const auto row =
        Prepare(LoadRow<kMostChannels>(in, first, head_size, lane), weights, in.v_first.data != nullptr, SumOfWarp());
    const auto y = LoadChannels<kMostChannels>(in.out.data + first, head_size, lane);
    const size_t own_head = size_t{blockIdx.y} * head_size;
    const auto norm =
        LoadNorm<kMostChannels>(in.norm.weight + own_head, in.norm.bias + own_head, in.norm.epsilon, head_size, lane);
    Finish(y, row.bonus_weight, row.v, row.g, norm, head_size, lane, in, first);
  };
  WalkInParts<Element>(batch, states, in, kWarps * kValuesOfWarp, walk, finish);
}

template <typename Element>
HeadKernels<Wkv7Arguments> Kernels() {
  HeadKernels<Wkv7Arguments> kernels = {};
  kernels.of_64 = Wkv7Kernel64<Element, false>;
  kernels.of_64_by_one_row = Wkv7Kernel64<Element, true>;
  kernels.of_any = Wkv7KernelAny<Element>;
  return kernels;
}

}  // namespace

cudaError_t Wkv7(const Queue& queue, const Batch& batch, const States& states, const Wkv7Arguments& arguments) {
  HeadKernels<Wkv7Arguments> for_f32 = Kernels<float>(), for_f16 = Kernels<__half>();
  AddChunkKernels(for_f32, for_f16);
  return LaunchHeads(queue, batch, states, arguments, for_f32, for_f16);
}

}  // namespace skein::cuda
