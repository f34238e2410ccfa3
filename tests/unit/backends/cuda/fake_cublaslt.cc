// A library with the functions of cuBLASLt that the backend uses, over memory that the host can read, as the emulator's
// is. It multiplies at once, behind what is in its queue if a test has it wait, or in its queue. It suggests three
// algorithms: the first is refused when it runs, the second is slow, the third is neither.
#include "tests/unit/backends/cuda/fake_cublaslt.h"

#include <cstdint>
#include <cstring>
#include <deque>
#include <vector>

#include "cuda/cublaslt_api.h"
#include "numbers/half.h"

namespace {

using skein::cuda::cublaslt::Algorithm;
using skein::cuda::cublaslt::HeuristicResult;
namespace lt = skein::cuda::cublaslt;
using skein::cuda::FakeCublasLt;

constexpr int kInvalidValue = 7;
constexpr int kExecutionFailed = 13;
constexpr int kNotSupported = 15;

struct Layout {
  int type;
  uint64_t rows, columns;
  int64_t stride;
};

struct Desc {
  int compute_type, scale_type;
  int32_t transpose_a = 0;
};

struct Preference {
  uint64_t workspace_bytes = 0;
};

FakeCublasLt counters;

float ElementOf(const void* data, int type, size_t index) {
  if (type == lt::kTypeF32) return static_cast<const float*>(data)[index];
  const uint16_t bits = static_cast<const uint16_t*>(data)[index];
  return type == lt::kTypeF16 ? skein::F16ToF32(bits) : skein::Bf16ToF32(bits);
}

// The columns, without what lies between them.
std::vector<float> FloatsOf(const void* data, const Layout& layout) {
  std::vector<float> floats;
  floats.reserve(layout.rows * layout.columns);
  for (uint64_t column = 0; column < layout.columns; ++column) {
    for (uint64_t i = 0; i < layout.rows; ++i) {
      floats.push_back(ElementOf(data, layout.type, column * layout.stride + i));
    }
  }
  return floats;
}

// Columns lie one after the other.
bool Fits(const Layout& a, const Layout& b, const Layout& d) {
  return a.rows == b.rows && d.rows == a.columns && d.columns == b.columns && a.type == b.type &&
         a.stride >= static_cast<int64_t>(a.rows) && b.stride >= static_cast<int64_t>(b.rows) &&
         d.stride >= static_cast<int64_t>(d.rows) && d.type == lt::kTypeF32;
}

// A product whose sizes and addresses are settled.
struct Product {
  Layout la, lb, ld;
  const void *a, *b, *c;
  void* d;
  float one, kept;

  void Make() const {
    const std::vector<float> weights = FloatsOf(a, la), rows = FloatsOf(b, lb);
    for (uint64_t row = 0; row < ld.columns; ++row) {
      for (uint64_t output = 0; output < ld.rows; ++output) {
        const float *x = &weights[output * la.rows], *y = &rows[row * la.rows];
        double sums[4] = {};
        for (uint64_t i = 0; i < la.rows; ++i) sums[i % 4] += static_cast<double>(x[i]) * y[i];
        const double sum = sums[0] + sums[1] + sums[2] + sums[3];
        const size_t place = row * ld.stride + output;
        const float before = kept == 0 ? 0 : kept * static_cast<const float*>(c)[place];
        static_cast<float*>(d)[place] = one * static_cast<float>(sum) + before;
      }
    }
  }
};

// That queues and graphs have. They stay.
std::deque<Product> products;

}  // namespace

extern "C" {

__attribute__((visibility("default"))) FakeCublasLt* FakeCublasLtCounters() { return &counters; }

__attribute__((visibility("default"))) size_t cublasLtGetVersion() { return 130999; }

__attribute__((visibility("default"))) int cublasLtCreate(void** handle) {
  if (counters.start_status != lt::kSuccess) return counters.start_status;
  ++counters.num_objects;
  *handle = &counters;
  return lt::kSuccess;
}

__attribute__((visibility("default"))) int cublasLtDestroy(void*) {
  --counters.num_objects;
  return lt::kSuccess;
}

__attribute__((visibility("default"))) int cublasLtMatmulDescCreate(void** desc, int compute_type, int scale_type) {
  ++counters.num_objects;
  *desc = new Desc{compute_type, scale_type};
  return lt::kSuccess;
}

__attribute__((visibility("default"))) int cublasLtMatmulDescDestroy(void* desc) {
  --counters.num_objects;
  delete static_cast<Desc*>(desc);
  return lt::kSuccess;
}

__attribute__((visibility("default"))) int cublasLtMatmulDescSetAttribute(void* desc, int attribute, const void* value,
                                                                          size_t bytes) {
  if (attribute != lt::kDescTransposeA || bytes != sizeof(int32_t)) return kInvalidValue;
  std::memcpy(&static_cast<Desc*>(desc)->transpose_a, value, bytes);
  return lt::kSuccess;
}

__attribute__((visibility("default"))) int cublasLtMatrixLayoutCreate(void** layout, int type, uint64_t rows,
                                                                      uint64_t columns, int64_t stride) {
  ++counters.num_objects;
  *layout = new Layout{type, rows, columns, stride};
  return lt::kSuccess;
}

__attribute__((visibility("default"))) int cublasLtMatrixLayoutDestroy(void* layout) {
  --counters.num_objects;
  delete static_cast<Layout*>(layout);
  return lt::kSuccess;
}

__attribute__((visibility("default"))) int cublasLtMatmulPreferenceCreate(void** preference) {
  ++counters.num_objects;
  *preference = new Preference;
  return lt::kSuccess;
}

__attribute__((visibility("default"))) int cublasLtMatmulPreferenceDestroy(void* preference) {
  --counters.num_objects;
  delete static_cast<Preference*>(preference);
  return lt::kSuccess;
}

__attribute__((visibility("default"))) int cublasLtMatmulPreferenceSetAttribute(void* preference, int attribute,
                                                                                const void* value, size_t bytes) {
  if (attribute == lt::kPreferenceWorkspaceBytes) {
    if (bytes != sizeof(uint64_t)) return kInvalidValue;
    std::memcpy(&static_cast<Preference*>(preference)->workspace_bytes, value, bytes);
    return lt::kSuccess;
  }
  const bool is_alignment = attribute >= lt::kPreferenceAlignmentA && attribute < lt::kPreferenceAlignmentA + 4;
  return is_alignment && bytes == sizeof(uint32_t) ? lt::kSuccess : kInvalidValue;
}

__attribute__((visibility("default"))) int cublasLtMatmulAlgoGetHeuristic(void*, void*, void* a, void* b, void*,
                                                                          void* d, void* preference, int num_wanted,
                                                                          HeuristicResult* results, int* num_found) {
  ++counters.num_searches;
  if (static_cast<Preference*>(preference)->workspace_bytes == 0 || num_wanted < 3) return kInvalidValue;
  if (!Fits(*static_cast<Layout*>(a), *static_cast<Layout*>(b), *static_cast<Layout*>(d))) return kInvalidValue;
  *num_found = counters.num_suggested;
  for (int i = 0; i < counters.num_suggested; ++i) results[i].algorithm.data[0] = i + 1u;
  return lt::kSuccess;
}

__attribute__((visibility("default"))) int cublasLtMatmul(void*, void* desc, const void* alpha, const void* a,
                                                          void* a_layout, const void* b, void* b_layout,
                                                          const void* beta, const void* c, void*, void* d,
                                                          void* d_layout, const Algorithm* algorithm, void* workspace,
                                                          size_t workspace_bytes, cudaStream_t stream) {
  const Layout &la = *static_cast<Layout*>(a_layout), &lb = *static_cast<Layout*>(b_layout),
               &ld = *static_cast<Layout*>(d_layout);
  const Desc& sums = *static_cast<Desc*>(desc);
  if (algorithm->data[0] == FakeCublasLt::kRefused || algorithm->data[0] > FakeCublasLt::kFast) return kNotSupported;
  if (!Fits(la, lb, ld) || sums.transpose_a != lt::kTransposed || sums.compute_type != lt::kComputeF32 ||
      sums.scale_type != lt::kTypeF32 || workspace == nullptr || workspace_bytes == 0) {
    return kInvalidValue;
  }
  if (counters.refuses(stream)) return kNotSupported;
  if (counters.wait(stream) != cudaSuccess) return kExecutionFailed;
  ++counters.num_runs[algorithm->data[0]];
  if (algorithm->data[0] == FakeCublasLt::kSlow) counters.delay();
  const Product product = {la, lb, ld, a, b, c, d, *static_cast<const float*>(alpha), *static_cast<const float*>(beta)};
  if (counters.enqueue == nullptr) {
    product.Make();
    return lt::kSuccess;
  }
  products.push_back(product);
  const auto make = [](void* enqueued) { static_cast<const Product*>(enqueued)->Make(); };
  if (counters.enqueue(stream, make, &products.back()) != cudaSuccess) return kExecutionFailed;
  return lt::kSuccess;
}

}  // extern "C"
