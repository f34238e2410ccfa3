// The weights that a thread of a persistent kernel is to multiply by, as a stream: 16 bytes after the other, over all
// matrices and layers of a step, in the order in which they are used. So many of them are always on their way to shared
// memory, whatever the thread waits for meanwhile: memory does not stand still at a barrier. For device code alone.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_WEIGHT_STREAM_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_WEIGHT_STREAM_H_

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "cuda/kernels/device_code.h"
#include "cuda/kernels/instructions.h"
#include "cuda/kernels/persistent_step.h"
#include "cuda/kernels/weight_vector.h"

namespace skein::cuda {

// Rows of a matrix that a block multiplies by, in every layer. A warp has every kWarps-th of them. It takes one after
// the other; or, of short rows, `together` at a time: a vector of each, then the next of each. There are none left
// over.
struct BlockPart {
  uint32_t matrix;  // LayerMatrix
  uint32_t first_row;
  uint32_t num_rows;
  uint32_t together;
};

// kPlaces vectors of each of kThreads threads in shared memory: a thread writes and reads its own alone.
template <WeightType kType, uint32_t kThreads, uint32_t kPlaces>
class WeightStream {
  static_assert((kPlaces & (kPlaces - 1)) == 0);
  static constexpr uint32_t kWarps = kThreads / kWarp;

 public:
  // `layers` and `parts`, of which there is at least one, lie in shared memory. The first vectors are on their way.
  __device__ WeightStream(const PersistentArguments& in, const PersistentLayer* layers, const BlockPart* parts,
                          uint32_t num_parts, uint4* places)
      : in_(in), layers_(layers), parts_(parts), num_parts_(num_parts), places_(places + threadIdx.x) {
    FindRows();
    for (uint32_t place = 0; place < kPlaces - 1; ++place) Issue(place * kThreads);
  }

  // The next vector. Zeros beyond the last column.
  __device__ __forceinline__ WeightVector<kType> Take() {
    CopyAsyncWait<kPlaces - 2>();
    const uint4 bits = places_[place_];
    // Into the place of the vector before, which has been used.
    Issue((place_ + (kPlaces - 1) * kThreads) % (kPlaces * kThreads));
    place_ = (place_ + kThreads) % (kPlaces * kThreads);
    WeightVector<kType> vector;
    vector.words[0] = bits.x;
    vector.words[1] = bits.y;
    vector.words[2] = bits.z;
    vector.words[3] = bits.w;
    return vector;
  }

 private:
  // Whatever is done here is done for each vector: some 20 instructions.
  __device__ __forceinline__ void Issue(uint32_t place) {
    if (layer_ < in_.num_layers) {
      CopyAsync16(places_ + place, vector_, num_left_ > 0);
      if (++beside_ == together_) {
        NextStep();
      } else {
        vector_ += stride_;
      }
    }
    CopyAsyncCommit();  // of nothing behind the last: groups are counted
  }

  __device__ __forceinline__ void NextStep() {
    beside_ = 0;
    num_left_ -= static_cast<int32_t>(kWarp);
    vector_ += to_next_step_;
    if (--num_steps_left_ > 0) return;
    row_ += kWarps * together_;
    if (row_ < parts_[part_].num_rows) return BeginRow();
    NextPart();
    FindRows();
  }

  __device__ __forceinline__ void NextPart() {
    row_ = threadIdx.x / kWarp;
    if (++part_ < num_parts_) return;
    part_ = 0;
    ++layer_;
  }

  // Goes on to a part that has a row for the warp.
  __device__ __forceinline__ void FindRows() {
    for (; layer_ < in_.num_layers; NextPart()) {
      if (layers_[layer_].matrices[parts_[part_].matrix] == nullptr || row_ >= parts_[part_].num_rows) continue;
      return BeginRow();
    }
  }

  __device__ __forceinline__ void BeginRow() {
    const BlockPart part = parts_[part_];
    const LayerMatrixShape& shape = in_.shapes[part.matrix];
    const uint32_t row_vectors = shape.row_bytes / sizeof(uint4), lane = threadIdx.x % kWarp;
    const uint32_t num_vectors = (shape.num_columns + ElementsOf(kType) - 1) / ElementsOf(kType);
    vector_ = static_cast<const uint4*>(layers_[layer_].matrices[part.matrix]) +
              size_t{part.first_row + row_} * row_vectors + lane;
    together_ = part.together;
    stride_ = static_cast<int32_t>(kWarps * row_vectors);
    to_next_step_ = static_cast<int32_t>(kWarp) - static_cast<int32_t>(together_ - 1) * stride_;
    num_left_ = static_cast<int32_t>(num_vectors - lane);
    num_steps_left_ = (num_vectors + kWarp - 1) / kWarp;
  }

  const PersistentArguments& in_;
  const PersistentLayer* const layers_;
  const BlockPart* const parts_;
  const uint32_t num_parts_;
  uint4* const places_;
  uint32_t place_ = 0;  // of the next vector to be taken, in `places_`
  // Of the next vector to be copied.
  uint32_t layer_ = 0, part_ = 0, row_ = threadIdx.x / kWarp;
  const uint4* vector_ = nullptr;
  int32_t num_left_ = 0;  // of the row's vectors, from the lane's own on; it has none if this is not above 0
  uint32_t num_steps_left_ = 0;
  uint32_t beside_ = 0, together_ = 1;  // which of the rows that go together
  int32_t stride_ = 0;                  // vectors to the row beside
  int32_t to_next_step_ = 0;            // vectors from the last of these rows to the first one's next step
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_WEIGHT_STREAM_H_
