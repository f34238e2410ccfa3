// The common part of the recurrences by chunks (wkv5_chunk.cu, wkv7_chunk.cu): products of a warp in tf32, the state of
// a head of 64 in registers, the layout of a chunk over a block, and the kernel around the walk over a sequence. For
// these kernels alone.
//
// A chunk is 16 rows of a sequence. A block has 256 threads: for what is done element by element, 16 of them have a
// row, four channels each; for products, a warp has eight values of all rows and keys. The state is [keys][values]
// here, in whatever order it lies in memory.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_WKV_CHUNK_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_WKV_CHUNK_H_

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "cuda/kernels/batch.h"
#include "cuda/kernels/device_code.h"
#include "cuda/kernels/sequence_chunks.h"
#include "cuda/kernels/slot.h"
#include "cuda/kernels/store_element.h"
#include "cuda/kernels/wkv_head.h"
#include "cuda/kernels/wkv_heads.h"

namespace skein::cuda {

inline constexpr uint32_t kChunkRows = 16;
inline constexpr uint32_t kChunkSize = 64;                        // of a head
inline constexpr uint32_t kRowLanes = kHeadThreads / kChunkRows;  // threads of a row
inline constexpr uint32_t kNoRow = 0xFFFFFFFFu;
inline constexpr uint32_t kOwnChannels = kChunkSize / kRowLanes;  // of a thread
static_assert(kRowLanes * 2 == kWarp && kOwnChannels == 4 && kHeadWarps * 8 == kChunkSize);

// Floats from a row to the next one in shared memory, such that the lanes of a warp read from different banks: rows of
// an operand as they lie, rows of one that is turned over, and rows of 16 x 16 pairs.
inline constexpr uint32_t kPitch = kChunkSize + 4;
inline constexpr uint32_t kTurnedPitch = kChunkSize + 8;
inline constexpr uint32_t kPairPitch = kChunkRows + 4;

struct ChunkMatrix {
  alignas(16) float at[kChunkRows * kPitch];
};
struct TurnedChunkMatrix {
  alignas(16) float at[kChunkRows * kTurnedPitch];
};
struct PairMatrix {
  float at[kChunkRows * kPairPitch];  // [row][earlier row]
};

// --- products ---

// An operand in tf32: the rounded numbers, and if kExact what the rounding left. Without that a product has errors of
// 2^-11 of its factors, with it of about 2^-21.
template <bool kExact, uint32_t kCount>
struct Operand {
  uint32_t high[kCount];
  uint32_t low[kExact ? kCount : 1];
};

template <bool kExact, uint32_t kCount>
__device__ __forceinline__ Operand<kExact, kCount> Split(const float (&x)[kCount]) {
  Operand<kExact, kCount> operand = {};
#pragma unroll
  for (uint32_t i = 0; i < kCount; ++i) {
    operand.high[i] = RoundedToTf32(x[i]);
    if constexpr (kExact) operand.low[i] = RoundedToTf32(x[i] - __uint_as_float(operand.high[i]));
  }
  return operand;
}

// A tile of 16 x 8: lane l, with g = l / 4 and t = l % 4, has columns 2t and 2t + 1 of row g, then of row g + 8.
struct TileOf16x8 {
  float at[4];
};

template <bool kExact>
__device__ __forceinline__ void MultiplyAdd(const Operand<kExact, 4>& a, const Operand<kExact, 2>& b, TileOf16x8& d) {
  if constexpr (kExact) {
    MmaM16N8K8(d.at, a.low, b.high);
    MmaM16N8K8(d.at, a.high, b.low);
  }
  MmaM16N8K8(d.at, a.high, b.high);
}

// The left operand [16, 8]: columns [column, column + 8) of rows of a matrix.
template <bool kExact>
__device__ __forceinline__ Operand<kExact, 4> LoadLeft(const float* rows, uint32_t pitch, uint32_t column) {
  const uint32_t g = threadIdx.x % kWarp / 4, t = threadIdx.x % 4;
  const float* x = rows + g * pitch + column + t;
  return Split<kExact, 4>({x[0], x[8 * pitch], x[4], x[8 * pitch + 4]});
}

// The same from rows of the operand turned over: columns [first, first + 16) of rows [row, row + 8).
template <bool kExact>
__device__ __forceinline__ Operand<kExact, 4> LoadLeftTurned(const TurnedChunkMatrix& rows, uint32_t row,
                                                             uint32_t first) {
  const uint32_t g = threadIdx.x % kWarp / 4, t = threadIdx.x % 4;
  const float* x = rows.at + (row + t) * kTurnedPitch + first + g;
  return Split<kExact, 4>({x[0], x[8], x[4 * kTurnedPitch], x[4 * kTurnedPitch + 8]});
}

// The right operand [8, 8]: rows [row, row + 8), columns [column, column + 8).
template <bool kExact>
__device__ __forceinline__ Operand<kExact, 2> LoadRight(const TurnedChunkMatrix& rows, uint32_t row, uint32_t column) {
  const uint32_t g = threadIdx.x % kWarp / 4, t = threadIdx.x % 4;
  const float* x = rows.at + (row + t) * kTurnedPitch + column + g;
  return Split<kExact, 2>({x[0], x[4 * kTurnedPitch]});
}

// The same from rows of the operand turned over: columns [column, column + 8) of rows [row, row + 8).
template <bool kExact>
__device__ __forceinline__ Operand<kExact, 2> LoadRightTurned(const ChunkMatrix& rows, uint32_t row, uint32_t column) {
  const uint32_t g = threadIdx.x % kWarp / 4, t = threadIdx.x % 4;
  const float* x = rows.at + (row + g) * kPitch + column + t;
  return Split<kExact, 2>({x[0], x[4]});
}

// The right operand from a tile that the warp has: its upper or its lower eight rows.
template <bool kExact>
__device__ __forceinline__ Operand<kExact, 2> TakeRight(const TileOf16x8& tile, uint32_t half) {
  const uint32_t g = threadIdx.x % kWarp / 4, t = threadIdx.x % 4;
  float rows[2];
#pragma unroll
  for (uint32_t i = 0; i < 2; ++i) {
    const uint32_t from = (t + 4 * i) * 4 + g / 2;
    const float even = __shfl_sync(kFullWarp, tile.at[2 * half], from);
    const float odd = __shfl_sync(kFullWarp, tile.at[2 * half + 1], from);
    rows[i] = g % 2 == 0 ? even : odd;
  }
  return Split<kExact, 2>(rows);
}

// Adds pairs [16, 16] by the warp's columns of `rows`.
template <bool kExact>
__device__ __forceinline__ void AddPairs(const PairMatrix& pairs, const TurnedChunkMatrix& rows, TileOf16x8& d) {
#pragma unroll
  for (uint32_t k = 0; k < kChunkRows; k += 8) {
    MultiplyAdd(LoadLeft<kExact>(pairs.at, kPairPitch, k), LoadRight<kExact>(rows, k, threadIdx.x / kWarp * 8), d);
  }
}

// --- the state ---

// Where a number of a state lies in memory, in elements: by keys, as in RWKV-5 and 6, or by values, as in RWKV-7.
struct ByKeys {
  static constexpr uint32_t kKey = kChunkSize, kValue = 1;
};
struct ByValues {
  static constexpr uint32_t kKey = 1, kValue = kChunkSize;
};

// A warp's share of the state: all keys by its eight values.
template <typename Order>
struct ChunkState {
  TileOf16x8 tiles[kChunkSize / 16];

  template <typename Element>
  __device__ __forceinline__ void Load(const Element* head) {
#pragma unroll
    for (uint32_t i = 0; i < 4 * kChunkSize / 16; ++i) tiles[i / 4].at[i % 4] = ToFloat(head[Place(i)]);
  }
  template <typename Element>
  __device__ __forceinline__ void StoreTo(Element* head) const {
#pragma unroll
    for (uint32_t i = 0; i < 4 * kChunkSize / 16; ++i) cuda::Store(tiles[i / 4].at[i % 4], head[Place(i)]);
  }
  // Multiplies by the decay of each key.
  __device__ __forceinline__ void Decay(const float* decay) {
    const uint32_t g = threadIdx.x % kWarp / 4;
#pragma unroll
    for (uint32_t i = 0; i < 4 * kChunkSize / 16; ++i) tiles[i / 4].at[i % 4] *= decay[i / 4 * 16 + i % 4 / 2 * 8 + g];
  }
  // Adds, over all rows, keys by the warp's values.
  template <bool kExact>
  __device__ __forceinline__ void Add(const TurnedChunkMatrix& keys, uint32_t row, const Operand<kExact, 2>& values) {
#pragma unroll
    for (uint32_t m = 0; m < kChunkSize / 16; ++m) {
      MultiplyAdd(LoadLeftTurned<kExact>(keys, row, 16 * m), values, tiles[m]);
    }
  }

 private:
  static __device__ __forceinline__ uint32_t Place(uint32_t i) {
    const uint32_t g = threadIdx.x % kWarp / 4, t = threadIdx.x % 4;
    const uint32_t key = i / 4 * 16 + i % 4 / 2 * 8 + g, value = threadIdx.x / kWarp * 8 + 2 * t + i % 2;
    return key * Order::kKey + value * Order::kValue;
  }
};

// --- element by element ---

using OwnChannels = LaneChannels<kOwnChannels>;

__device__ __forceinline__ uint32_t OwnRow() { return threadIdx.x / kRowLanes; }
__device__ __forceinline__ uint32_t OwnChannel() { return threadIdx.x % kRowLanes * kOwnChannels; }

// `head`: the 64 elements of a row or a vector that are the head's; they need no alignment.
__device__ __forceinline__ OwnChannels LoadOwn(const float* head) {
  const float* x = head + OwnChannel();
  return {{x[0], x[1], x[2], x[3]}};
}
__device__ __forceinline__ OwnChannels AllOwn(float x) { return {{x, x, x, x}}; }
// `head`: the head's first element of rows.
__device__ __forceinline__ void StoreOwn(const OwnChannels& x, size_t head, float* rows, const RoundedRows& rounded) {
#pragma unroll
  for (uint32_t i = 0; i < kOwnChannels; ++i) StoreElement(x.at[i], head + OwnChannel() + i, rows, rounded);
}

// A row of a matrix in shared memory, at the thread's channels.
__device__ __forceinline__ OwnChannels LoadShared(const float* row) {
  OwnChannels x;
  LoadFloats(row + OwnChannel(), x.at);
  return x;
}
__device__ __forceinline__ void Share(const OwnChannels& x, ChunkMatrix& to) {
  StoreFloats(x.at, to.at + OwnRow() * kPitch + OwnChannel());
}
__device__ __forceinline__ void Share(const OwnChannels& x, TurnedChunkMatrix& to) {
  StoreFloats(x.at, to.at + OwnRow() * kTurnedPitch + OwnChannel());
}
// The warp's tile of rows by values.
__device__ __forceinline__ void Share(const TileOf16x8& tile, TurnedChunkMatrix& to) {
  const uint32_t g = threadIdx.x % kWarp / 4, t = threadIdx.x % 4, value = threadIdx.x / kWarp * 8 + 2 * t;
#pragma unroll
  for (uint32_t i = 0; i < 4; ++i) to.at[(g + i / 2 * 8) * kTurnedPitch + value + i % 2] = tile.at[i];
}

__device__ __forceinline__ OwnChannels operator*(OwnChannels x, const OwnChannels& y) {
#pragma unroll
  for (uint32_t i = 0; i < kOwnChannels; ++i) x.at[i] *= y.at[i];
  return x;
}
__device__ __forceinline__ OwnChannels operator/(OwnChannels x, const OwnChannels& y) {
#pragma unroll
  for (uint32_t i = 0; i < kOwnChannels; ++i) x.at[i] /= y.at[i];
  return x;
}
__device__ __forceinline__ float Dot(const OwnChannels& x, const OwnChannels& y) {
  float sum = 0;
#pragma unroll
  for (uint32_t i = 0; i < kOwnChannels; ++i) sum += x.at[i] * y.at[i];
  return sum;
}

// The sum over the threads of a row, in each of them.
__device__ __forceinline__ float RowSum(float x) {
#pragma unroll
  for (uint32_t distance = kRowLanes / 2; distance > 0; distance /= 2) x += __shfl_xor_sync(kFullWarp, x, distance);
  return x;
}

struct SumOfRow {
  __device__ __forceinline__ float operator()(float x) const { return RowSum(x); }
};

// The head's GroupNorm of a row.
__device__ __forceinline__ OwnChannels NormalizedRow(OwnChannels y, const kit::Norm& norm, size_t head) {
  const float mean = RowSum(y.at[0] + y.at[1] + y.at[2] + y.at[3]) / kChunkSize;
#pragma unroll
  for (uint32_t i = 0; i < kOwnChannels; ++i) y.at[i] -= mean;
  const float scale = 1.0f / sqrtf(RowSum(Dot(y, y)) / kChunkSize + norm.epsilon);
  const OwnChannels weight = LoadOwn(norm.weight + head), bias = LoadOwn(norm.bias + head);
#pragma unroll
  for (uint32_t i = 0; i < kOwnChannels; ++i) y.at[i] = y.at[i] * scale * weight.at[i] + bias.at[i];
  return y;
}

// --- the kernel ---

// `Recurrence` is a type with
//   Arguments, Order, SharedChunk   of the op, of the state in memory, in shared memory
//   Walk(in, sequence, chunk, state)  goes over all rows of a sequence, by all threads of a block
template <typename Recurrence, typename Element>
__global__ void __launch_bounds__(kHeadThreads, 2)
    ChunkKernel(const Batch batch, const States states, const typename Recurrence::Arguments in) {
  __shared__ typename Recurrence::SharedChunk chunk;
  const Sequence sequence = batch.sequences[blockIdx.x];
  const bool is_mine = IsChunked(in.chunks, sequence.num_rows);
  const size_t head = size_t{blockIdx.y} * kChunkSize * kChunkSize;
  ChunkState<typename Recurrence::Order> state = {};
  if (is_mine) state.Load(SlotPart<Element>(states, sequence.read_slot, in.state) + head);
  DependencyWait();  // by every block: the kernel behind this one relies on it
  DependencyRelease();
  if (!is_mine) return;
  Recurrence::Walk(in, sequence, chunk, state);
  Element* after = SlotPart<Element>(states, sequence.write_slot, in.state);
  if (after != nullptr) state.StoreTo(after + head);
}

// Makes the kernels of a recurrence, whose argument is whether products are exact, those by chunks.
template <template <bool> typename Recurrence, typename Arguments>
void AddChunkKernelsOf(HeadKernels<Arguments>& for_f32, HeadKernels<Arguments>& for_f16) {
  for_f32.by_rounded_chunks = ChunkKernel<Recurrence<false>, float>;
  for_f32.by_exact_chunks = ChunkKernel<Recurrence<true>, float>;
  for_f16.by_rounded_chunks = ChunkKernel<Recurrence<false>, __half>;
  for_f16.by_exact_chunks = ChunkKernel<Recurrence<true>, __half>;
}

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_WKV_CHUNK_H_
