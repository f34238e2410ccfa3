// Step ③ of a layer of RWKV-7 for prompts: heads of 64, sequences of at least kLeastChunkedRows rows, 16 rows at a
// time. With the state S [values][keys] of before a chunk, W_t the product of its decays w_1 to w_t, and u_t = S_{t-1}
// kk_t, what a row removes:
//   u_t = S (kk_t ⊙ W_{t-1}) + sum over i < t of  [k_i . kk_t ⊙ W_{t-1} / W_i] v_i - [b_i . kk_t ⊙ W_{t-1} / W_i] u_i
//   y_t = S (r_t ⊙ W_t)      + sum over i <= t of [k_i . r_t ⊙ W_t / W_i] v_i      - [b_i . r_t ⊙ W_t / W_i] u_i
//   S'  = S diag(W_16)       + sum over i of v_i (k_i ⊙ W_16 / W_i)ᵀ - u_i (b_i ⊙ W_16 / W_i)ᵀ
// The brackets are the pairs: products of kk_t ⊙ W_{t-1} and r_t ⊙ W_t by k_i / W_i and b_i / W_i. A decay is at least
// e^(-0.607) (Decay7 of ops.h), so that 1 / W_i is at most e^9.8 = 1.7e4: no factor overflows, and each keeps its
// relative error. u_t comes row after row, out of the rows before it.
//   Launch: a block of 256 threads a head of a sequence, grid (sequences, heads). Blocks of short sequences end at
//   once. A chunk: 16 threads prepare a row, and take the products of decays before and behind it. Each warp makes a
//   tile of the pairs on the tensor cores, then u, y and the new state of its eight values, and 16 threads end a row.
//   Limit: instructions. A chunk takes 368 products of a warp (three times as many if kExact); the walk takes 20
//   multiplications a thread and row beside as many loads, and waits for each row before the next. These are counts;
//   nothing here was measured.
//   Synchronisation: barriers behind the decays, behind what is multiplied, behind the pairs, and behind y. The next
//   chunk is prepared while other warps still end their rows, which read nothing that it writes. As in the walk the
//   state is loaded before the wait.
#include "cuda/kernels/chunk_kernels.h"
#include "cuda/kernels/device_code.h"
#include "cuda/kernels/slot.h"
#include "cuda/kernels/wkv7.h"
#include "cuda/kernels/wkv7_row.h"
#include "cuda/kernels/wkv_chunk.h"

namespace skein::cuda {
namespace {

using OwnInputs = RowInputs<kOwnChannels>;
using OwnPrepared = PreparedRow<kOwnChannels>;

struct SharedChunk {
  ChunkMatrix w;
  ChunkMatrix left[2];               // kk_t ⊙ W_{t-1}, r_t ⊙ W_t
  ChunkMatrix right[2];              // b_i / W_i, k_i / W_i
  TurnedChunkMatrix last_b, last_k;  // b_i ⊙ W_16 / W_i, k_i ⊙ W_16 / W_i
  TurnedChunkMatrix v, y;
  PairMatrix pairs[2][2];   // by left and right
  float decay[kChunkSize];  // W_16
};
static_assert(sizeof(SharedChunk) <= 48 * 1024);

// Of row `row` of the step.
__device__ __forceinline__ OwnInputs LoadInputs(const Wkv7Arguments& in, uint32_t row, bool is_there) {
  OwnInputs inputs = {};
  if (!is_there) return inputs;
  const size_t first = size_t{row} * in.r.width + size_t{blockIdx.y} * kChunkSize;
  inputs.r = LoadOwn(in.r.data + first);
  inputs.decay = LoadOwn(in.decay.data + first);
  inputs.key = LoadOwn(in.keys.key.data + first);
  inputs.rate = LoadOwn(in.keys.rate.data + first);
  inputs.value = LoadOwn(in.value.data + first);
  if (in.v_first.data != nullptr) {
    inputs.v_first = LoadOwn(in.v_first.data + first);
    inputs.value_gate = LoadOwn(in.value_gate.data + first);
  }
  inputs.g = LoadOwn(in.g.data + first);
  return inputs;
}

// A row that is not there changes no state: its key and its value are zero, and its decay is made one.
__device__ __forceinline__ OwnPrepared PrepareOwn(const Wkv7Arguments& in, const OwnInputs& inputs, bool is_there) {
  const size_t head = size_t{blockIdx.y} * kChunkSize;
  HeadWeights<kOwnChannels> weights = {};
  weights.decay_bias = LoadOwn(in.decay_bias + head);
  weights.rate_bias = LoadOwn(in.keys.rate_bias + head);
  weights.key_k = LoadOwn(in.keys.key_k + head);
  weights.key_a = LoadOwn(in.keys.key_a + head);
  if (in.v_first.data != nullptr) weights.value_bias = LoadOwn(in.value_bias + head);
  weights.bonus = LoadOwn(in.bonus + head);
  OwnPrepared row = Prepare(inputs, weights, in.v_first.data != nullptr, SumOfRow());
  if (!is_there) row.w = AllOwn(1);
  return row;
}

// The thread's row by the products of the decays before and behind it.
__device__ __forceinline__ void FillOperands(const OwnPrepared& row, SharedChunk& chunk) {
  const uint32_t own = OwnRow();
  OwnChannels before = AllOwn(1), behind = AllOwn(1);
#pragma unroll
  for (uint32_t t = 0; t < kChunkRows; ++t) {
    const OwnChannels w = LoadShared(chunk.w.at + t * kPitch);
    if (t < own) before = before * w;
    if (t > own) behind = behind * w;
  }
  const OwnChannels product = before * row.w;
  Share(row.kk * before, chunk.left[0]);
  Share(row.r * product, chunk.left[1]);
  Share(row.b / product, chunk.right[0]);
  Share(row.k / product, chunk.right[1]);
  Share(row.b * behind, chunk.last_b);
  Share(row.k * behind, chunk.last_k);
  Share(row.v, chunk.v);
  if (own == kChunkRows - 1) StoreFloats(product.at, chunk.decay + OwnChannel());
}

// The warp's tile of the pairs: 16 rows of `left` by 8 of `right`.
template <bool kExact>
__device__ __forceinline__ void FillPairs(SharedChunk& chunk) {
  const uint32_t warp = threadIdx.x / kWarp, left = warp / 4, right = warp / 2 % 2, first = warp % 2 * 8;
  TileOf16x8 tile = {};
#pragma unroll
  for (uint32_t k = 0; k < kChunkSize; k += 8) {
    MultiplyAdd(LoadLeft<kExact>(chunk.left[left].at, kPitch, k), LoadRightTurned<kExact>(chunk.right[right], first, k),
                tile);
  }
  const uint32_t g = threadIdx.x % kWarp / 4, t = threadIdx.x % 4;
#pragma unroll
  for (uint32_t i = 0; i < 4; ++i) {
    const uint32_t row = g + i / 2 * 8, earlier = first + 2 * t + i % 2;
    const bool is_pair = earlier < row + left;  // y takes the row itself too
    chunk.pairs[left][right].at[row * kPairPitch + earlier] = is_pair ? tile.at[i] : 0.0f;
  }
}

// From u without what the chunk's own rows remove to u: each row loses what the rows before it leave to it.
__device__ __forceinline__ void Solve(const PairMatrix& pairs, TileOf16x8& u) {
  const uint32_t g = threadIdx.x % kWarp / 4, t = threadIdx.x % 4;
#pragma unroll
  for (uint32_t i = 0; i + 1 < kChunkRows; ++i) {
    const uint32_t from = i % 8 * 4 + t;
    const float even = __shfl_sync(kFullWarp, u.at[i / 8 * 2], from);
    const float odd = __shfl_sync(kFullWarp, u.at[i / 8 * 2 + 1], from);
    const float upper = pairs.at[g * kPairPitch + i], lower = pairs.at[(g + 8) * kPairPitch + i];
    u.at[0] -= upper * even;
    u.at[1] -= upper * odd;
    u.at[2] -= lower * even;
    u.at[3] -= lower * odd;
  }
}

// y of the warp's values; leaves the state of behind the chunk.
template <bool kExact>
__device__ __forceinline__ TileOf16x8 Step(const SharedChunk& chunk, ChunkState<ByValues>& state) {
  TileOf16x8 u = {}, y = {};
#pragma unroll
  for (uint32_t k = 0; k < kChunkSize; k += 8) {
    const auto keys = TakeRight<kExact>(state.tiles[k / 16], k / 8 % 2);
    MultiplyAdd(LoadLeft<kExact>(chunk.left[0].at, kPitch, k), keys, u);
    MultiplyAdd(LoadLeft<kExact>(chunk.left[1].at, kPitch, k), keys, y);
  }
  AddPairs<kExact>(chunk.pairs[0][1], chunk.v, u);
  AddPairs<kExact>(chunk.pairs[1][1], chunk.v, y);
  Solve(chunk.pairs[0][0], u);
#pragma unroll
  for (uint32_t i = 0; i < 4; ++i) u.at[i] = -u.at[i];
  state.Decay(chunk.decay);
#pragma unroll
  for (uint32_t row = 0; row < kChunkRows; row += 8) {
    const auto removed = TakeRight<kExact>(u, row / 8);
    MultiplyAdd(LoadLeft<kExact>(chunk.pairs[1][0].at, kPairPitch, row), removed, y);
    state.Add(chunk.last_b, row, removed);
    state.Add(chunk.last_k, row, LoadRight<kExact>(chunk.v, row, threadIdx.x / kWarp * 8));
  }
  return y;
}

// NormBonusGate of ops.h, of the thread's part of a row.
__device__ __forceinline__ void Finish(const Wkv7Arguments& in, const OwnPrepared& prepared, const SharedChunk& chunk,
                                       uint32_t row) {
  const size_t head = size_t{blockIdx.y} * kChunkSize;
  // All threads of a warp take part in the sums of a norm.
  OwnChannels y = NormalizedRow(LoadShared(chunk.y.at + OwnRow() * kTurnedPitch), in.norm, head);
#pragma unroll
  for (uint32_t i = 0; i < kOwnChannels; ++i) {
    y.at[i] = (y.at[i] + prepared.bonus_weight * prepared.v.at[i]) * prepared.g.at[i];
  }
  if (row != kNoRow) StoreOwn(y, size_t{row} * in.r.width + head, in.out.data, in.rounded);
}

template <bool kExact>
struct Wkv7Chunks {
  using Arguments = Wkv7Arguments;
  using Order = ByValues;
  using SharedChunk = cuda::SharedChunk;

  static __device__ __forceinline__ void Walk(const Arguments& in, const Sequence& sequence, SharedChunk& chunk,
                                              ChunkState<Order>& state) {
    const uint32_t end = sequence.first_row + sequence.num_rows;
    uint32_t row = sequence.first_row + OwnRow();
    OwnInputs next = LoadInputs(in, row, row < end);
    for (uint32_t begin = sequence.first_row; begin < end; begin += kChunkRows) {
      const OwnPrepared prepared = PrepareOwn(in, next, row < end);
      Share(prepared.w, chunk.w);
      __syncthreads();
      FillOperands(prepared, chunk);
      __syncthreads();
      FillPairs<kExact>(chunk);
      __syncthreads();
      Share(Step<kExact>(chunk, state), chunk.y);
      next = LoadInputs(in, row + kChunkRows, row + kChunkRows < end);  // earlier there are no registers for them
      __syncthreads();
      Finish(in, prepared, chunk, row < end ? row : kNoRow);
      row += kChunkRows;
    }
  }
};

}  // namespace

void AddChunkKernels(HeadKernels<Wkv7Arguments>& for_f32, HeadKernels<Wkv7Arguments>& for_f16) {
  AddChunkKernelsOf<Wkv7Chunks>(for_f32, for_f16);
}

}  // namespace skein::cuda
