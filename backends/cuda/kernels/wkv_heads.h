// The common part of the wkv recurrences (wkv5.cu, wkv7.cu): the launch, a block a head of a sequence, and the
// frame of the walk for heads of any size, which takes a part of the head's values at a time. For these kernels alone.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_WKV_HEADS_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_WKV_HEADS_H_

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "cuda/kernels/batch.h"
#include "cuda/kernels/device_code.h"
#include "cuda/kernels/launch.h"
#include "cuda/kernels/sequence_chunks.h"
#include "cuda/kernels/slot.h"
#include "cuda/kernels/wkv_head.h"

namespace skein::cuda {

inline constexpr uint32_t kHeadThreads = 256;
inline constexpr uint32_t kHeadWarps = kHeadThreads / kWarp;
inline constexpr uint32_t kAnyTile = 4;  // rows that a walk for any size prepares at a time

// The walk of a block for heads of any size. `walk_part(sequence, begin, before, after)` goes over all rows with values
// [begin, begin + part_size) of the head, whose state is read from `before` and written to `after` if that is not NULL,
// and leaves y in `out`. Row i of the sequence is its warp's i % kAnyTile, which also ends it:
// `finish_row(first element of the head's part of the row)`.
template <typename Element, typename Arguments, typename WalkPart, typename FinishRow>
__device__ __forceinline__ void WalkInParts(const Batch& batch, const States& states, const Arguments& in,
                                            uint32_t part_size, const WalkPart& walk_part,
                                            const FinishRow& finish_row) {
  const Sequence sequence = batch.sequences[blockIdx.x];
  const size_t head = size_t{blockIdx.y} * in.head_size * in.head_size;
  const Element* before = SlotPart<Element>(states, sequence.read_slot, in.state) + head;
  Element* after = SlotPart<Element>(states, sequence.write_slot, in.state);
  if (after != nullptr) after += head;
  for (uint32_t begin = 0; begin < in.head_size; begin += part_size) walk_part(sequence, begin, before, after);

  const uint32_t warp = threadIdx.x / kWarp;
  if (warp >= kAnyTile) return;
  for (uint32_t i = warp; i < sequence.num_rows; i += kAnyTile) {
    finish_row((size_t{sequence.first_row} + i) * in.r.width + size_t{blockIdx.y} * in.head_size);
  }
}

// The kernels of a recurrence for one type of states.
template <typename Arguments>
struct HeadKernels {
  using Kernel = void (*)(Batch, States, Arguments);
  Kernel of_64;
  Kernel of_64_by_one_row;  // of each sequence; NULL: of_64 does
  Kernel of_any;
  Kernel by_rounded_chunks, by_exact_chunks;  // of 64, sequences that IsChunked
};

// The kernel of chunks, if there may be sequences for it, and the kernel of the walk, if there may be others.
template <typename Arguments>
cudaError_t LaunchHeads(const Queue& queue, const Batch& batch, const States& states, const Arguments& arguments,
                        const HeadKernels<Arguments>& for_f32, const HeadKernels<Arguments>& for_f16) {
  const HeadKernels<Arguments>& kernels = states.wkv_type == StateType::kF16 ? for_f16 : for_f32;
  const bool is_64 = arguments.head_size == 64 && HasAlignedChunks(states, arguments.state);
  const dim3 grid(batch.num_sequences, arguments.r.width / arguments.head_size);
  Arguments in = arguments;
  if (!is_64 || batch.num_rows < kLeastChunkedRows) in.chunks = Chunks::kNone;
  if (in.chunks != Chunks::kNone) {
    const auto by_chunks = in.chunks == Chunks::kExact ? kernels.by_exact_chunks : kernels.by_rounded_chunks;
    const cudaError_t error = Launch(queue, grid, kHeadThreads, by_chunks, batch, states, in);
    if (error != cudaSuccess || batch.num_sequences == 1) return error;
  }
  const bool is_one_row = batch.num_rows == batch.num_sequences && kernels.of_64_by_one_row != nullptr;
  const auto of_64 = is_one_row ? kernels.of_64_by_one_row : kernels.of_64;
  return Launch(queue, grid, kHeadThreads, is_64 ? of_64 : kernels.of_any, batch, states, in);
}

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_WKV_HEADS_H_
