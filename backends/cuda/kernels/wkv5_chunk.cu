// Step ③ of a layer of RWKV-5 and 6 for prompts: heads of 64, sequences of at least kLeastChunkedRows rows, 16 rows at
// a time. With the state S of before a chunk and W_t the product of its decays w_1 to w_t, all of them in [0, 1):
//   y_t = (r_t ⊙ W_{t-1})ᵀ S + sum over i < t of [r_tᵀ (k_i ⊙ w_{i+1} ... w_{t-1})] v_iᵀ + the bonus
//   S'  = diag(W_16) S + sum over i of (k_i ⊙ w_{i+1} ... w_16) v_iᵀ
// The brackets are the pairs. Decays are multiplied row by row: nothing is divided by a decay, and no exponent is ever
// above zero, so that a decay of 0 and a decay near 1 are as exact as in the walk.
//   Launch: a block of 256 threads a head of a sequence, grid (sequences, heads). Blocks of short sequences end at
//   once. A chunk: 16 threads prepare a row. They go over the rows once more for the pairs and for the products of
//   decays. Then each warp makes y and the new state of its eight values on the tensor cores, and 16 threads end a row.
//   Limit: instructions. A chunk takes 144 products of a warp (three times as many if kExact) and some 200 instructions
//   a thread for the pairs; the walk takes 12 multiplications a thread and row beside as many loads, and waits for each
//   row before the next. These are counts; nothing here was measured.
//   Synchronisation: barriers behind what is prepared, behind the pairs, and behind y. The next chunk is prepared while
//   other warps still end their rows, which read nothing that it writes. As in the walk the state is loaded before the
//   wait.
#include "cuda/kernels/chunk_kernels.h"
#include "cuda/kernels/device_code.h"
#include "cuda/kernels/slot.h"
#include "cuda/kernels/wkv5.h"
#include "cuda/kernels/wkv_chunk.h"

namespace skein::cuda {
namespace {

struct SharedChunk {
  ChunkMatrix w, r;
  ChunkMatrix decayed_r;        // r_t ⊙ W_{t-1}
  TurnedChunkMatrix decayed_k;  // k_i ⊙ w_{i+1} ... w_16
  TurnedChunkMatrix v, y;
  PairMatrix pairs;
  float decay[kChunkSize];  // W_16
};
static_assert(sizeof(SharedChunk) <= 48 * 1024);

// The inputs of a row.
struct OwnRowInputs {
  OwnChannels r, k, v, w, g;
};

// Of row `row` of the step, or of none: that changes no state.
__device__ __forceinline__ OwnRowInputs LoadInputs(const Wkv5Arguments& in, uint32_t row, bool is_there) {
  if (!is_there) return {AllOwn(0), AllOwn(0), AllOwn(0), AllOwn(1), AllOwn(0)};
  const size_t head = size_t{blockIdx.y} * kChunkSize, first = size_t{row} * in.r.width + head;
  OwnRowInputs inputs;
  inputs.r = LoadOwn(in.r.data + first);
  inputs.k = LoadOwn(in.k.data + first);
  inputs.v = LoadOwn(in.v.data + first);
  inputs.g = in.g.data != nullptr ? LoadOwn(in.g.data + first) : AllOwn(1);
  if (in.decay != nullptr) {
    inputs.w = LoadOwn(in.decay + head);
  } else {
    const OwnChannels bias = LoadOwn(in.decay_bias + head), decay = LoadOwn(in.decay_rows.data + first);
#pragma unroll
    for (uint32_t i = 0; i < kOwnChannels; ++i) inputs.w.at[i] = expf(-expf(bias.at[i] + decay.at[i]));
  }
  return inputs;
}

// The sum of numbers[i] over the threads of a row, for the thread with number i in the row.
__device__ __forceinline__ float SumForLane(float (&numbers)[kRowLanes]) {
#pragma unroll
  for (uint32_t step = kRowLanes / 2; step > 0; step /= 2) {
    const bool is_upper = (threadIdx.x & step) != 0;
#pragma unroll
    for (uint32_t i = 0; i < step; ++i) {
      const float given = is_upper ? numbers[i] : numbers[i + step];
      numbers[i] = (is_upper ? numbers[i + step] : numbers[i]) + __shfl_xor_sync(kFullWarp, given, step);
    }
  }
  return numbers[0];
}

// The thread's row by the rows before it and behind it.
__device__ __forceinline__ void FillPairs(const OwnRowInputs& inputs, SharedChunk& chunk) {
  const uint32_t own = OwnRow();
  OwnChannels before = AllOwn(1), k = inputs.k;
  float pairs[kChunkRows] = {};
#pragma unroll
  for (uint32_t t = 0; t < kChunkRows; ++t) {
    const OwnChannels w = LoadShared(chunk.w.at + t * kPitch);
    if (t < own) before = before * w;
    if (t <= own) continue;
    pairs[t] = Dot(LoadShared(chunk.r.at + t * kPitch), k);
    k = k * w;
  }
  chunk.pairs.at[threadIdx.x % kRowLanes * kPairPitch + own] = SumForLane(pairs);
  Share(inputs.r * before, chunk.decayed_r);
  Share(k, chunk.decayed_k);
  if (own == kChunkRows - 1) StoreFloats((before * inputs.w).at, chunk.decay + OwnChannel());
}

// y of the warp's values, without the bonus; leaves the state of behind the chunk.
template <bool kExact>
__device__ __forceinline__ TileOf16x8 Step(const SharedChunk& chunk, ChunkState<ByKeys>& state) {
  TileOf16x8 y = {};
#pragma unroll
  for (uint32_t k = 0; k < kChunkSize; k += 8) {
    MultiplyAdd(LoadLeft<kExact>(chunk.decayed_r.at, kPitch, k), TakeRight<kExact>(state.tiles[k / 16], k / 8 % 2), y);
  }
  AddPairs<kExact>(chunk.pairs, chunk.v, y);
  state.Decay(chunk.decay);
#pragma unroll
  for (uint32_t row = 0; row < kChunkRows; row += 8) {
    state.Add(chunk.decayed_k, row, LoadRight<kExact>(chunk.v, row, threadIdx.x / kWarp * 8));
  }
  return y;
}

// The bonus, and NormGate of ops.h, of the thread's part of a row.
__device__ __forceinline__ void Finish(const Wkv5Arguments& in, const OwnRowInputs& inputs, float bonus_weight,
                                       const SharedChunk& chunk, uint32_t row) {
  const size_t head = size_t{blockIdx.y} * kChunkSize;
  OwnChannels y = LoadShared(chunk.y.at + OwnRow() * kTurnedPitch);
#pragma unroll
  for (uint32_t i = 0; i < kOwnChannels; ++i) y.at[i] += bonus_weight * inputs.v.at[i];
  // All threads of a warp take part in the sums of a norm.
  const OwnChannels gated = NormalizedRow(y, in.norm, head) * inputs.g;
  if (row != kNoRow) StoreOwn(gated, size_t{row} * in.r.width + head, in.out.data, {});
}

template <bool kExact>
struct Wkv5Chunks {
  using Arguments = Wkv5Arguments;
  using Order = ByKeys;
  using SharedChunk = cuda::SharedChunk;

  static __device__ __forceinline__ void Walk(const Arguments& in, const Sequence& sequence, SharedChunk& chunk,
                                              ChunkState<Order>& state) {
    const size_t head = size_t{blockIdx.y} * kChunkSize;
    const uint32_t end = sequence.first_row + sequence.num_rows;
    uint32_t row = sequence.first_row + OwnRow();
    OwnRowInputs next = LoadInputs(in, row, row < end);
    for (uint32_t begin = sequence.first_row; begin < end; begin += kChunkRows) {
      const OwnRowInputs inputs = next;
      Share(inputs.w, chunk.w);
      Share(inputs.r, chunk.r);
      Share(inputs.v, chunk.v);
      __syncthreads();
      FillPairs(inputs, chunk);
      const float bonus_weight = RowSum(Dot(inputs.r * inputs.k, LoadOwn(in.bonus + head)));
      next = LoadInputs(in, row + kChunkRows, row + kChunkRows < end);
      __syncthreads();
      Share(Step<kExact>(chunk, state), chunk.y);
      __syncthreads();
      Finish(in, inputs, bonus_weight, chunk, row < end ? row : kNoRow);
      row += kChunkRows;
    }
  }
};

}  // namespace

void AddChunkKernels(HeadKernels<Wkv5Arguments>& for_f32, HeadKernels<Wkv5Arguments>& for_f16) {
  AddChunkKernelsOf<Wkv5Chunks>(for_f32, for_f16);
}

}  // namespace skein::cuda
