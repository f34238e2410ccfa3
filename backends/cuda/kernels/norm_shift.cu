// NormShift: steps ① and ⑤ of a layer.
//   Launch: a block of 256 threads a row and share of its channels, grid (rows, shares). One row alone is bound by
//   latency, so that a few rows are spread over several blocks, each of which takes the moments of the whole row.
//   Bytes: a row reads x twice (its own and the one before), and writes a row per blend. Sums do not depend on the
//   number of shares.
//   Latency: the batch, the shift row and the weights come before the wait for the kernel before, which therefore must
//   write no state. Behind it there is one latency of memory, that of x, which stays in registers for its second sum,
//   and the sums: 0.5 us or so, where three loads that wait for each other would make it 1. These are counts.
//   Synchronisation: the barriers of the sums. The shift row of a slot is read and written by the same thread: that of
//   the first row of a sequence, which takes the norm of the last row too. So no block waits for another.
// DataShift, the second shift of RWKV-6, and GatedAdd: a thread a channel of a row, bound by bytes, no synchronisation.
#include <algorithm>

#include "cuda/kernels/device_code.h"
#include "cuda/kernels/norm_shift.h"
#include "cuda/kernels/row_norm.h"
#include "cuda/kernels/slot.h"
#include "cuda/kernels/store_element.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kThreads = 256;

struct BlendPointers {
  const float* mix;
  float* out;
  uint16_t* rounded;
};

// NormShiftArguments as a kernel takes them.
struct NormShiftParameters {
  kit::Rows x;
  kit::Norm norm;
  size_t state;
  BlendPointers blends[kMaxBlends];
  uint32_t num_blends;
  Inputs rounding;
  float* n;  // NULL: not kept
  float* n_before;
  const float* earlier;  // NULL: none
  size_t earlier_state;
};

// The weights of a channel. No kernel writes them.
struct ChannelWeights {
  float weight;
  float bias;
  float mix[kMaxBlends];
};

__device__ __forceinline__ ChannelWeights LoadWeights(const NormShiftParameters& in, uint32_t channel) {
  ChannelWeights weights = {};
  if (channel >= in.x.width) return weights;
  weights.weight = in.norm.weight[channel];
  weights.bias = in.norm.bias[channel];
#pragma unroll
  for (uint32_t i = 0; i < kMaxBlends; ++i) {
    if (i < in.num_blends) weights.mix[i] = in.blends[i].mix[channel];
  }
  return weights;
}

// Writes what follows from n and n' of a channel. `element`: its place in the rows.
__device__ __forceinline__ void StoreBlends(const NormShiftParameters& in, const ChannelWeights& weights,
                                            size_t element, float n, float before) {
#pragma unroll
  for (uint32_t i = 0; i < kMaxBlends; ++i) {
    if (i >= in.num_blends) continue;
    const BlendPointers& blend = in.blends[i];
    StoreElement(n + (before - n) * weights.mix[i], element, blend.out, {blend.rounded, in.rounding});
  }
  if (in.n == nullptr) return;
  in.n[element] = n;
  in.n_before[element] = n + (before - n);
}

// kHeld: elements of a row that a thread keeps in registers.
template <uint32_t kHeld>
__global__ void __launch_bounds__(kThreads)
    NormShiftKernel(const Batch batch, const States states, const NormShiftParameters in) {
  __shared__ MomentsScratch<kThreads> scratch;
  const uint32_t row = blockIdx.x;
  uint32_t channel = blockIdx.y * kThreads + threadIdx.x;
  ChannelWeights weights = LoadWeights(in, channel);
  const Sequence sequence = batch.sequences[batch.row_sequences[row]];
  const bool is_first = row == sequence.first_row;
  const float* read_state = SlotPart<float>(states, sequence.read_slot, in.state);
  float state = is_first && channel < in.x.width ? read_state[channel] : 0;
  DependencyWait();
  DependencyRelease();

  // The first row has none before it in x. It takes the last row, whose norm it leaves in the state.
  const uint32_t other_row = is_first ? sequence.first_row + sequence.num_rows - 1 : row - 1;
  const float* x = in.x.data + size_t{row} * in.x.width;
  const float* other_x = in.x.data + size_t{other_row} * in.x.width;
  const auto held = HoldRow<kThreads, kHeld>([x](uint32_t c) { return x[c]; }, in.x.width);
  const auto other_held = HoldRow<kThreads, kHeld>([other_x](uint32_t c) { return other_x[c]; }, in.x.width);
  const Moments moments = RowMoments(held, in.norm.epsilon, scratch);
  const Moments other_moments = other_row == row ? moments : RowMoments(other_held, in.norm.epsilon, scratch);

  float* write_state = SlotPart<float>(states, sequence.write_slot, in.state);
  float* earlier_state = SlotPart<float>(states, sequence.write_slot, in.earlier_state);
  while (channel < in.x.width) {
    const float n = Normalized(x[channel], moments, weights.weight, weights.bias);
    const float other = Normalized(other_x[channel], other_moments, weights.weight, weights.bias);
    const float before = is_first ? state : other;
    if (is_first && write_state != nullptr) {
      write_state[channel] = other;
      if (in.earlier != nullptr) earlier_state[channel] = in.earlier[size_t{other_row} * in.x.width + channel];
    }
    StoreBlends(in, weights, size_t{row} * in.x.width + channel, n, before);
    channel += gridDim.y * kThreads;
    weights = LoadWeights(in, channel);
    if (is_first && channel < in.x.width) state = read_state[channel];
  }
}

// The blocks that a row's channels are spread over.
uint32_t NumShares(const kit::Rows& x) {
  constexpr uint32_t kBlocksWanted = 64;
  const uint32_t most = (x.width + kThreads - 1) / kThreads;
  return std::clamp(kBlocksWanted / x.count, 1u, most);
}

struct DataBlendPointers {
  const float* mix;
  const float* m;
  float* out;
};

struct DataShiftParameters {
  const float* n;
  const float* n_before;
  uint32_t width;
  DataBlendPointers blends[kMaxBlends];
  uint32_t num_blends;
};

__global__ void __launch_bounds__(kThreads) DataShiftKernel(const DataShiftParameters in) {
  const uint32_t channel = blockIdx.y * kThreads + threadIdx.x;
  if (channel >= in.width) return;
  float mix[kMaxBlends] = {};
#pragma unroll
  for (uint32_t i = 0; i < kMaxBlends; ++i) {
    if (i < in.num_blends) mix[i] = in.blends[i].mix[channel];
  }
  DependencyWait();
  DependencyRelease();
  const size_t element = size_t{blockIdx.x} * in.width + channel;
  const float n = in.n[element];
  const float difference = in.n_before[element] - n;
#pragma unroll
  for (uint32_t i = 0; i < kMaxBlends; ++i) {
    if (i < in.num_blends) in.blends[i].out[element] = n + difference * (mix[i] + in.blends[i].m[element]);
  }
}

__global__ void __launch_bounds__(kThreads)
    GatedAddKernel(float* x, const float* gate, const float* value, size_t count) {
  DependencyWait();
  DependencyRelease();
  const size_t i = size_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i < count) x[i] += gate[i] * value[i];
}

}  // namespace

cudaError_t NormShift(const Queue& queue, const Batch& batch, const States& states,
                      const NormShiftArguments& arguments) {
  NormShiftParameters in = {};
  in.x = arguments.x;
  in.norm = arguments.norm;
  in.state = arguments.state;
  in.num_blends = arguments.num_blends;
  for (uint32_t i = 0; i < in.num_blends; ++i) {
    in.blends[i] = {arguments.blends[i].mix, arguments.blends[i].out.data, arguments.rounded[i].data};
    in.rounding = arguments.rounded[i].inputs;  // of all
  }
  in.n = arguments.kept.n.data;
  in.n_before = arguments.kept.n_before.data;
  in.earlier = arguments.earlier.data;
  in.earlier_state = arguments.earlier_state;
  const dim3 grid(in.x.count, NumShares(in.x));
  if (in.x.width <= 4 * kThreads) return Launch(queue, grid, kThreads, NormShiftKernel<4>, batch, states, in);
  return Launch(queue, grid, kThreads, NormShiftKernel<8>, batch, states, in);
}

cudaError_t DataShift(const Queue& queue, const DataShiftArguments& arguments) {
  const kit::Rows& n = arguments.rows.n;
  DataShiftParameters in = {};
  in.n = n.data;
  in.n_before = arguments.rows.n_before.data;
  in.width = n.width;
  in.num_blends = arguments.num_blends;
  for (uint32_t i = 0; i < in.num_blends; ++i) {
    const kit::DataBlend& blend = arguments.blends[i];
    in.blends[i] = {blend.mix, blend.m.data, blend.out.data};
  }
  return Launch(queue, dim3(n.count, (n.width + kThreads - 1) / kThreads), kThreads, DataShiftKernel, in);
}

cudaError_t GatedAdd(const Queue& queue, kit::Rows x, kit::Rows gate, kit::Rows value) {
  const size_t count = size_t{x.count} * x.width;
  const dim3 grid(static_cast<uint32_t>((count + kThreads - 1) / kThreads));
  return Launch(queue, grid, kThreads, GatedAddKernel, x.data, gate.data, value.data, count);
}

}  // namespace skein::cuda
