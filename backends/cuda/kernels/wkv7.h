// Step ③ of a layer of RWKV-7: decay, keys, value residual, recurrence, group norm, bonus and gate, one block a head of
// a stream. It is Decay7, Keys, ValueResidual, Wkv7 and NormBonusGate of ops.h in one pass; what lies between them
// stays in registers and shared memory.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_WKV7_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_WKV7_H_

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "cuda/kernels/batch.h"
#include "cuda/kernels/launch.h"
#include "cuda/kernels/rounded_rows.h"
#include "cuda/kernels/sequence_chunks.h"
#include "equations/operands.h"

namespace skein::cuda {

// Rows are [T, C], vectors [C].
struct Wkv7Arguments {
  kit::Rows r;
  kit::Rows decay;  // w = exp(-e^(-1/2) σ(decay_bias + decay))
  const float* decay_bias;
  kit::KeysInputs keys;  // the projections from which k, kk and b are made
  kit::Rows value;
  kit::Rows v_first, value_gate;  // of the value residual; without data: v is `value`
  const float* value_bias;
  kit::Norm norm;  // of the heads
  const float* bonus;
  kit::Rows g;
  kit::Rows out;        // gated; lies over no input
  RoundedRows rounded;  // a copy of `out`
  uint32_t head_size;   // N, at most kMaxHeadSize (wkv5.h)
  size_t state;         // bytes from the beginning of a slot to wkv [H][N values][N keys]
  Chunks chunks;
};

// Bound by the state's bytes when a stream has one token: read once, written once. A prompt is bound by the walk from
// token to token, or by the instructions of its chunks.
cudaError_t Wkv7(const Queue& queue, const Batch& batch, const States& states, const Wkv7Arguments& arguments);

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_WKV7_H_
