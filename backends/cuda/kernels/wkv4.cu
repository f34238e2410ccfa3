// The recurrence of RWKV-4.
//   Launch: a thread a channel of a sequence, grid (sequences, channels / 128). A sequence with one row is bound by
//   latency: seven floats in and four out. A prompt is bound by the walk: two exponentials and a division a token, of
//   which each waits for the one before. The inputs of the next token are loaded before this one is done.
//   Synchronisation: none, each state is read and written by the same thread.
#include <cstdint>

#include "cuda/kernels/device_code.h"
#include "cuda/kernels/slot.h"
#include "cuda/kernels/wkv4.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kThreads = 128;

// The sums of the past, a e^p and b e^p.
struct PastSums {
  float a, b, p;
};

struct TokenInputs {
  float r, k, v;
};

__device__ __forceinline__ TokenInputs LoadToken(const kit::Wkv4Inputs& in, size_t element) {
  return {in.r.data[element], in.k.data[element], in.v.data[element]};
}

__device__ __forceinline__ float Output(const PastSums& past, const TokenInputs& token, float bonus) {
  const float now = bonus + token.k;
  const float q = fmaxf(past.p, now);
  const float past_part = expf(past.p - q), now_part = expf(now - q);
  return token.r * (past_part * past.a + now_part * token.v) / (past_part * past.b + now_part);
}

__device__ __forceinline__ PastSums Add(const PastSums& past, const TokenInputs& token, float decay) {
  const float p = past.p + decay;
  const float q = fmaxf(p, token.k);
  const float past_part = expf(p - q), now_part = expf(token.k - q);
  return {past_part * past.a + now_part * token.v, past_part * past.b + now_part, q};
}

__global__ void __launch_bounds__(kThreads)
    Wkv4Kernel(const Batch batch, const States states, const kit::Wkv4Inputs in, size_t state, const kit::Rows y) {
  const uint32_t channel = blockIdx.y * kThreads + threadIdx.x;
  if (channel >= y.width) return;
  const float decay = in.decay[channel], bonus = in.bonus[channel];
  DependencyWait();
  DependencyRelease();

  const Sequence sequence = batch.sequences[blockIdx.x];
  const float* before = SlotPart<float>(states, sequence.read_slot, state) + channel;
  PastSums past = {before[0], before[y.width], before[2 * size_t{y.width}]};
  size_t element = size_t{sequence.first_row} * y.width + channel;
  TokenInputs token = LoadToken(in, element);
  for (uint32_t i = 1; i < sequence.num_rows; ++i) {
    const TokenInputs next = LoadToken(in, element + y.width);
    y.data[element] = Output(past, token, bonus);
    past = Add(past, token, decay);
    token = next;
    element += y.width;
  }
  y.data[element] = Output(past, token, bonus);

  if (sequence.write_slot == kNoSlot) return;
  past = Add(past, token, decay);
  float* after = SlotPart<float>(states, sequence.write_slot, state) + channel;
  after[0] = past.a;
  after[y.width] = past.b;
  after[2 * size_t{y.width}] = past.p;
}

}  // namespace

cudaError_t Wkv4(const Queue& queue, const Batch& batch, const States& states, const kit::Wkv4Inputs& inputs,
                 size_t state, kit::Rows y) {
  const dim3 grid(batch.num_sequences, (y.width + kThreads - 1) / kThreads);
  return Launch(queue, grid, kThreads, Wkv4Kernel, batch, states, inputs, state, y);
}

}  // namespace skein::cuda
