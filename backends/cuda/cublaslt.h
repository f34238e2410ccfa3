// Products of many rows by NVIDIA's cuBLASLt, which is opened at run time. Where it is absent, or has no algorithm for
// a product, the own kernels serve (kernels/products.h).
//
// An algorithm is chosen by timing what the library suggests, on the real shape and at load, and is kept in a file per
// card and version of the library (algorithm_file.h). Numbers of rows go by powers of two.
//
// Order of calls: Open, Choose for each shape, Keep, then Multiply. Threads: one at a time; each segment opens its own,
// since the library's handles are not to be shared.
#ifndef SKEIN_BACKENDS_CUDA_CUBLASLT_H_
#define SKEIN_BACKENDS_CUDA_CUBLASLT_H_

#include <cuda_runtime.h>

#include <cstdint>
#include <memory>
#include <string>

#include "cuda/algorithm_file.h"
#include "cuda/cublaslt_api.h"
#include "cuda/kernels/matrix_view.h"

namespace skein::cuda {

class CublasLt {
 public:
  // out = in Wᵀ or out + in Wᵀ. `in` and `out` are aligned to 16 bytes.
  struct Product {
    MatrixView weight;   // kF32, kF16 or kBf16
    const void* in;      // of the weight's type; 16 bits as RoundRows leaves them
    uint32_t num_rows;   // at least one
    uint32_t in_stride;  // elements from a row of `in` to the next
    float* out;          // [num_rows][weight.num_rows]
    bool is_added = false;
  };

  // For the device that is current. `library`: its path; "": where it is installed (cublaslt_library.h). NULL, with one
  // line in `why_not`, if it cannot be had.
  static std::unique_ptr<CublasLt> Open(const std::string& library, std::string& why_not);
  // Ends after all that Multiply has enqueued.
  ~CublasLt() = default;

  // Times the algorithms for a product and remembers the fastest, unless the file has it. Waits for the queue. `out` is
  // written.
  void Choose(cudaStream_t stream, const Product& product);
  // Where choices are kept; "": nowhere.
  const std::string& file() const { return file_; }
  // Writes what was chosen to the file.
  void Keep();

  // Enqueues a product. False if the library refuses, with nothing enqueued. A stream may be captured: the workspace
  // and the algorithms are known by then, if a product of this shape went through it before. It is refused otherwise,
  // and what a call that failed has left in the capture nobody knows.
  bool Multiply(cudaStream_t stream, const Product& product);

  // Device memory of each object.
  static constexpr uint64_t kWorkspaceBytes = uint64_t{32} << 20;

 private:
  class Call;
  struct DestroyHandle {
    int (*destroy)(cublaslt::Handle);
    void operator()(void* handle) const { destroy(handle); }
  };
  struct FreeMemory {
    void operator()(void* memory) const { cudaFree(memory); }
  };
  using OwnedHandle = std::unique_ptr<void, DestroyHandle>;
  using OwnedMemory = std::unique_ptr<void, FreeMemory>;

  CublasLt(const cublaslt::Api& api, OwnedHandle handle, OwnedMemory workspace, std::string file);

  bool Run(cudaStream_t stream, const Call& call, const Product& product, const Algorithm& algorithm) const;
  // Milliseconds of a run; infinite if the library refuses.
  float Time(cudaStream_t stream, const Call& call, const Product& product, const Algorithm& algorithm) const;

  const cublaslt::Api api_;
  const OwnedHandle handle_;
  const OwnedMemory workspace_;
  const std::string file_;
  Algorithms algorithms_;  // of the file, chosen, or suggested first
  Algorithms measured_;    // of these, those that the file lacks
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_CUBLASLT_H_
