// The instructions that C++ has no name for: matrix products of a warp, copies into shared memory that go on by
// themselves, and the wait for the kernel before. All inline assembly of the kernels is here. Lane layouts are those of
// the PTX manual. The emulator has the same functions in C++.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_INSTRUCTIONS_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_INSTRUCTIONS_H_

#ifdef SKEIN_CUDA_EMULATOR
#include "cuda_emulator/tensor_core.h"
#else

#include <cuda_runtime.h>

#include <cstdint>

namespace skein::cuda {

// Waits until the kernels before this one in the queue have ended and their results can be read. No effect without
// dependent launch.
__device__ __forceinline__ void DependencyWait() {
#if __CUDA_ARCH__ >= 900
  cudaGridDependencySynchronize();
#endif
}

// From here on the next kernel may start. It still waits for this one's end at its own DependencyWait.
__device__ __forceinline__ void DependencyRelease() {
#if __CUDA_ARCH__ >= 900
  cudaTriggerProgrammaticLaunchCompletion();
#endif
}

}  // namespace skein::cuda

#endif  // SKEIN_CUDA_EMULATOR

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_INSTRUCTIONS_H_
