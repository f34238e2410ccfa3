#include "cuda/kernels/instructions.h"
#include "tests/unit/backends/cuda/producer.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kThreads = 32;

__global__ void CopyWordsKernel(const WordCopies copies) {
  DependencyWait();
  DependencyRelease();
  const WordCopy& copy = copies.at[blockIdx.x];
  for (uint32_t i = threadIdx.x; i < copy.num_words; i += kThreads) copy.to[i] = copy.from[i];
}

}  // namespace

cudaError_t CopyWords(const Queue& queue, const WordCopies& copies) {
  return Launch(queue, dim3(copies.count), kThreads, CopyWordsKernel, copies);
}

}  // namespace skein::cuda
