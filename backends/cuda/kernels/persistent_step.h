// All layers of a segment of RWKV-7 for one row, in one launch whose blocks stay and meet between the stages of a
// layer. Which step may go so is decided in persistent_layers.h.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_PERSISTENT_STEP_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_PERSISTENT_STEP_H_

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "cuda/kernels/batch.h"
#include "cuda/kernels/launch.h"
#include "cuda/kernels/matrix_view.h"
#include "cuda/kernels/rounded_rows.h"
#include "equations/operands.h"

namespace skein::cuda {

// The matrices of a layer, in the order in which a step multiplies by them: their names in rwkv7_weights.h.
enum LayerMatrix : uint32_t {
  kReceptance,
  kKey,
  kValue,
  kDecayDown,
  kIclrDown,
  kValueDown,
  kGateDown,
  kDecayUp,
  kIclrUp,
  kValueUp,
  kGateUp,
  kOutput,
  kChannelKey,
  kChannelValue,
  kNumLayerMatrices,
};
inline constexpr uint32_t kNumShifted = kGateDown + 1;  // the first of them, whose inputs are blends of the token shift
inline constexpr uint32_t kNumRanks = 4;                // each has a first and a second factor

// Of one matrix, in all layers.
struct LayerMatrixShape {
  uint32_t num_rows;
  uint32_t num_columns;
  uint32_t row_bytes;
};

// What a layer has of its own. Addresses are the device's, states bytes from the beginning of a slot.
struct alignas(16) PersistentLayer {
  const void* matrices[kNumLayerMatrices];  // NULL: the first layer has no value residual
  const float* mixes[kNumShifted];          // of the inputs of the first matrices
  const float *time_weight, *time_bias;
  const float *decay_bias, *rate_bias, *key_k, *key_a, *value_bias, *bonus;
  const float *head_weight, *head_bias;  // of the norm of the heads
  const float *channel_weight, *channel_bias, *channel_mix;
  size_t time_shift, channel_shift, wkv;
};

struct PersistentArguments {
  const PersistentLayer* layers;
  uint32_t num_layers;
  uint32_t d_model;
  LayerMatrixShape shapes[kNumLayerMatrices];
  WeightType type;  // of all matrices: kF16 or kBf16
  Inputs inputs;
  float norm_epsilon, head_epsilon;
  // The rows, named as in rwkv7_activations.h. `x`, and `v_first` where the first layer is not here, hold what they are
  // to hold.
  float *x, *v_first, *r, *key, *value, *gated, *channel;
  float* ranks[kNumRanks];       // of decay, rate, value, gate
  unsigned long long* arrivals;  // as grid_barrier.h has it  NOLINT(google-runtime-int)
};

// The size of heads, the widest row that the threads of a block hold, and the most heads that a block takes in turn.
inline constexpr uint32_t kPersistentHeadSize = 64;
inline constexpr uint32_t kMostPersistentChannels = 4096;
inline constexpr uint32_t kMostHeadsOfABlock = 4;

// The blocks that a launch is to have on the current device. 0: it has no room for them. Heads have 64 channels, rows
// of activations are a multiple of four long. Compute capability 8.0 on.
cudaError_t PersistentBlocks(const PersistentArguments& arguments, StateType state_type, uint32_t& num_blocks);

// `batch` has one row. Its results have the bits that the kernels of a layer give one row, but for sums that
// SparseProduct would make.
cudaError_t PersistentStep(const Queue& queue, const Batch& batch, const States& states,
                           const PersistentArguments& arguments, uint32_t num_blocks);

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_PERSISTENT_STEP_H_
