// What a test asks of the library in fake_cublaslt.cc, by its function FakeCublasLtCounters.
#ifndef SKEIN_TESTS_UNIT_BACKENDS_CUDA_FAKE_CUBLASLT_H_
#define SKEIN_TESTS_UNIT_BACKENDS_CUDA_FAKE_CUBLASLT_H_

#include <cuda_runtime.h>

#include <cstdint>

namespace skein::cuda {

struct FakeCublasLt {
  // The algorithms that it suggests, in this order.
  enum : uint64_t { kRefused = 1, kSlow = 2, kFast = 3 };

  int start_status = 0;  // of cublasLtCreate
  int num_suggested = 3;
  void (*delay)() = [] {};  // before the slow one
  // Waits for what is in the queue before a product, which is made at once. Without it the caller has waited.
  cudaError_t (*wait)(cudaStream_t) = [](cudaStream_t) { return cudaSuccess; };
  // Puts a function into the queue, in which a product is made then, as by a kernel. NULL: products are made at once.
  cudaError_t (*enqueue)(cudaStream_t, cudaHostFn_t, void*) = nullptr;
  // Whether a product for a queue is refused.
  bool (*refuses)(cudaStream_t) = [](cudaStream_t) { return false; };
  int num_objects = 0;  // not yet destroyed
  int num_searches = 0;
  int num_runs[4] = {};  // by algorithm
};

}  // namespace skein::cuda

#endif  // SKEIN_TESTS_UNIT_BACKENDS_CUDA_FAKE_CUBLASLT_H_
