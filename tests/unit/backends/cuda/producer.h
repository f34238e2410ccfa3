// A kernel that writes what the kernel under test reads. It runs directly before, so that a read before the wait for it
// is seen.
#ifndef SKEIN_TESTS_UNIT_BACKENDS_CUDA_PRODUCER_H_
#define SKEIN_TESTS_UNIT_BACKENDS_CUDA_PRODUCER_H_

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/kernels/launch.h"

namespace skein::cuda {

struct WordCopy {
  uint32_t* to;
  const uint32_t* from;
  uint32_t num_words;
};

inline constexpr uint32_t kMaxCopies = 16;

struct WordCopies {
  WordCopy at[kMaxCopies];
  uint32_t count;
};

cudaError_t CopyWords(const Queue& queue, const WordCopies& copies);

}  // namespace skein::cuda

#endif  // SKEIN_TESTS_UNIT_BACKENDS_CUDA_PRODUCER_H_
