// How a kernel gets into a queue of the device.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_LAUNCH_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_LAUNCH_H_

#include <cuda_runtime.h>

#include <cstdint>

namespace skein::cuda {

// Sees each launch of a queue, for measurements.
class LaunchObserver {
 public:
  virtual void Before(cudaStream_t stream) = 0;
  virtual void After(cudaStream_t stream, dim3 grid, uint32_t threads, uint32_t shared_bytes) = 0;

 protected:
  ~LaunchObserver() = default;
};

// CUDA's own stream, and how kernels follow each other in it.
struct Queue {
  cudaStream_t stream = nullptr;
  // A kernel may start while the one before still runs. It then waits for that one's results at DependencyWait
  // (instructions.h). From compute capability 9.0 on.
  bool dependent_launch = false;
  LaunchObserver* observer = nullptr;
};

// Whether all blocks of a launch have room at once, so that they may wait for each other.
enum class Blocks : uint8_t { kAnyOrder, kTogether };

// The threads of a block, and its shared memory beside what the kernel names.
struct BlockShape {
  uint32_t threads;
  uint32_t shared_bytes;
  Blocks blocks = Blocks::kAnyOrder;
};

// The share of a multiprocessor's memory that is shared memory, in percent, the same for all kernels that follow each
// other by dependent launch: a multiprocessor whose share is another takes no block before it is empty, and left to
// itself the driver chooses by what a kernel needs. It is what two blocks of tile_products.cu need of 228 KB.
inline constexpr unsigned kSharedPercent = 85;

// Enqueues a kernel over blocks. Nothing waits here. Blocks that are together do not start early.
template <typename... Parameters, typename... Arguments>
cudaError_t Launch(const Queue& queue, dim3 grid, const BlockShape& block, void (*kernel)(Parameters...),
                   const Arguments&... arguments) {
  constexpr uint32_t kMostWithoutAsking = 48 * 1024;
  if (block.shared_bytes > kMostWithoutAsking) {
    const auto attribute = cudaFuncAttributeMaxDynamicSharedMemorySize;
    const cudaError_t error = cudaFuncSetAttribute(kernel, attribute, static_cast<int>(block.shared_bytes));
    if (error != cudaSuccess) return error;
  }
  const bool are_together = block.blocks == Blocks::kTogether;
  cudaLaunchAttribute attributes[2] = {};
  if (are_together) {
    attributes[0].id = cudaLaunchAttributeCooperative;
    attributes[0].val.cooperative = 1;
  } else {
    attributes[0].id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attributes[0].val.programmaticStreamSerializationAllowed = 1;
  }
  attributes[1].id = cudaLaunchAttributePreferredSharedMemoryCarveout;
  attributes[1].val.sharedMemCarveout = kSharedPercent;
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = dim3(block.threads);
  config.dynamicSmemBytes = block.shared_bytes;
  config.stream = queue.stream;
  config.attrs = attributes;
  config.numAttrs = queue.dependent_launch ? 2 : are_together ? 1 : 0;
  if (queue.observer != nullptr) queue.observer->Before(queue.stream);
  const cudaError_t error = cudaLaunchKernelEx(&config, kernel, Parameters(arguments)...);
  if (queue.observer != nullptr) queue.observer->After(queue.stream, grid, block.threads, block.shared_bytes);
  return error;
}
template <typename... Parameters, typename... Arguments>
cudaError_t Launch(const Queue& queue, dim3 grid, uint32_t threads, void (*kernel)(Parameters...),
                   const Arguments&... arguments) {
  return Launch(queue, grid, BlockShape{threads, 0}, kernel, arguments...);
}

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_LAUNCH_H_
