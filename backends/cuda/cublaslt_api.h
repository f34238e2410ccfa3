// The part of cuBLASLt's interface that is used, as functions found at run time. It is declared here rather than taken
// from cublasLt.h, so that the backend builds where the toolkit has no cuBLAS. cublaslt_api_check.cc compares the two
// where that header is.
#ifndef SKEIN_BACKENDS_CUDA_CUBLASLT_API_H_
#define SKEIN_BACKENDS_CUDA_CUBLASLT_API_H_

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

namespace skein::cuda::cublaslt {

inline constexpr int kSuccess = 0;
inline constexpr int kComputeF32 = 68;  // sums in float32; of float32 inputs, no TF32
inline constexpr int kTypeF32 = 0;      // cudaDataType_t
inline constexpr int kTypeF16 = 2;
inline constexpr int kTypeBf16 = 14;
inline constexpr int kTransposed = 1;
inline constexpr int kDescTransposeA = 3;
inline constexpr int kPreferenceWorkspaceBytes = 1;
inline constexpr int kPreferenceAlignmentA = 5;  // and of B, C and D after it

// An algorithm with its settings. It may be kept in a file for the same version of the library.
struct Algorithm {
  uint64_t data[8];
};

struct HeuristicResult {
  Algorithm algorithm;
  size_t workspace_bytes;
  int state;  // the others count if it is kSuccess
  float waves;
  int reserved[4];
};

using Handle = void*;
using MatmulDesc = void*;
using MatrixLayout = void*;
using Preference = void*;

// Each returns a status, but for `get_version`.
struct Api {
  size_t (*get_version)();
  int (*create)(Handle* handle);
  int (*destroy)(Handle handle);
  int (*matmul_desc_create)(MatmulDesc* desc, int compute_type, int scale_type);
  int (*matmul_desc_destroy)(MatmulDesc desc);
  int (*matmul_desc_set_attribute)(MatmulDesc desc, int attribute, const void* value, size_t bytes);
  int (*matrix_layout_create)(MatrixLayout* layout, int type, uint64_t rows, uint64_t columns, int64_t stride);
  int (*matrix_layout_destroy)(MatrixLayout layout);
  int (*preference_create)(Preference* preference);
  int (*preference_destroy)(Preference preference);
  int (*preference_set_attribute)(Preference preference, int attribute, const void* value, size_t bytes);
  int (*get_heuristic)(Handle handle, MatmulDesc desc, MatrixLayout a, MatrixLayout b, MatrixLayout c, MatrixLayout d,
                       Preference preference, int num_wanted, HeuristicResult* results, int* num_found);
  int (*matmul)(Handle handle, MatmulDesc desc, const void* alpha, const void* a, MatrixLayout a_layout, const void* b,
                MatrixLayout b_layout, const void* beta, const void* c, MatrixLayout c_layout, void* d,
                MatrixLayout d_layout, const Algorithm* algorithm, void* workspace, size_t workspace_bytes,
                cudaStream_t stream);
};

}  // namespace skein::cuda::cublaslt

#endif  // SKEIN_BACKENDS_CUDA_CUBLASLT_API_H_
