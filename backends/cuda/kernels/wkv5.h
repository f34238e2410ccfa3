// Step ③ of a layer of RWKV-5 and 6: decay, recurrence, group norm and gate, one block a head of a stream.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_WKV5_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_WKV5_H_

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "cuda/kernels/batch.h"
#include "cuda/kernels/launch.h"
#include "cuda/kernels/products.h"
#include "equations/operands.h"

namespace skein::cuda {

struct Wkv5Arguments {
  kit::Rows r, k, v;        // [T, A]
  const float* decay;       // w [A], the same for all tokens (RWKV-5); NULL: from what follows
  const float* decay_bias;  // [A]; RWKV-6: w = exp(-exp(decay_bias + decay_rows)), as Decay6 of ops.h
  kit::Rows decay_rows;     // [T, A]; without data: the product of the next two, which each head makes for itself
  kit::Rows decay_rank;     // [T, R]
  MatrixView decay_weight;  // [A, R]
  Inputs decay_inputs;      // how decay_rank is rounded
  const float* bonus;       // u [A]
  kit::Norm norm;           // of the heads
  kit::Rows g;              // without data: no gate
  kit::Rows out;            // [T, A]: GroupNorm(y) ⊙ g. Lies over no input
  uint32_t head_size;       // N, at most kMaxHeadSize
  size_t state;             // bytes from the beginning of a slot to wkv [H][N keys][N values]
};

inline constexpr uint32_t kMaxHeadSize = 256;

// Bound by the state's bytes when a stream has one token: read once, written once. A prompt is bound by the walk from
// token to token.
cudaError_t Wkv5(const Queue& queue, const Batch& batch, const States& states, const Wkv5Arguments& arguments);

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_WKV5_H_
