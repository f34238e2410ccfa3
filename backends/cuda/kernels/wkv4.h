// The recurrence of RWKV-4: one thread a channel of a stream.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_WKV4_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_WKV4_H_

#include <cuda_runtime.h>

#include <cstddef>

#include "cuda/kernels/batch.h"
#include "cuda/kernels/launch.h"
#include "equations/operands.h"

namespace skein::cuda {

// Wkv4 of ops.h. `state`: bytes from the beginning of a slot to a [A], b [A], p [A], float32 whatever the States say.
cudaError_t Wkv4(const Queue& queue, const Batch& batch, const States& states, const kit::Wkv4Inputs& inputs,
                 size_t state, kit::Rows y);

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_WKV4_H_
