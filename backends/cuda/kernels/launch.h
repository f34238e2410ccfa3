// How a kernel gets into a queue of the device.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_LAUNCH_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_LAUNCH_H_

#include <cuda_runtime.h>

#include <cstdint>

namespace skein::cuda {

// CUDA's own stream, and how kernels follow each other in it.
struct Queue {
  cudaStream_t stream = nullptr;
  // A kernel may start while the one before still runs. It then waits for that one's results at DependencyWait
  // (instructions.h). From compute capability 9.0 on.
  bool dependent_launch = false;
};

// Enqueues a kernel over blocks of `threads` threads. Nothing waits here.
template <typename... Parameters, typename... Arguments>
cudaError_t Launch(const Queue& queue, dim3 grid, uint32_t threads, void (*kernel)(Parameters...),
                   const Arguments&... arguments) {
  cudaLaunchAttribute attribute = {};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = dim3(threads);
  config.stream = queue.stream;
  config.attrs = &attribute;
  config.numAttrs = queue.dependent_launch ? 1 : 0;
  return cudaLaunchKernelEx(&config, kernel, Parameters(arguments)...);
}

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_LAUNCH_H_
