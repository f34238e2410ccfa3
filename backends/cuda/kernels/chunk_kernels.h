// The kernels of wkv5_chunk.cu and wkv7_chunk.cu, for the launches of wkv5.cu and wkv7.cu.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_CHUNK_KERNELS_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_CHUNK_KERNELS_H_

#include "cuda/kernels/wkv5.h"
#include "cuda/kernels/wkv7.h"
#include "cuda/kernels/wkv_heads.h"

namespace skein::cuda {

void AddChunkKernels(HeadKernels<Wkv5Arguments>& for_f32, HeadKernels<Wkv5Arguments>& for_f16);
void AddChunkKernels(HeadKernels<Wkv7Arguments>& for_f32, HeadKernels<Wkv7Arguments>& for_f16);

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_CHUNK_KERNELS_H_
