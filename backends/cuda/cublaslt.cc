#include "cuda/cublaslt.h"

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

#include "cuda/cublaslt_library.h"
#include "cuda/devices.h"
#include "cuda/timed_runs.h"

namespace skein::cuda {
namespace {

constexpr int kMaxCandidates = 8;
constexpr uint32_t kAlignment = 16;

// Objects of the library, by their own functions.
struct Destroy {
  int (*destroy)(void*);
  void operator()(void* object) const { destroy(object); }
};
using Owned = std::unique_ptr<void, Destroy>;

// Of cudaDataType_t, and bytes of an element.
struct ElementType {
  int type;
  uint32_t bytes;
};

ElementType ElementTypeOf(WeightType type) {
  if (type == WeightType::kF32) return {cublaslt::kTypeF32, 4};
  return {type == WeightType::kF16 ? cublaslt::kTypeF16 : cublaslt::kTypeBf16, 2};
}

bool IsAligned(const void* address) { return reinterpret_cast<uintptr_t>(address) % kAlignment == 0; }

bool IsForLibrary(const CublasLt::Product& product) {
  return product.weight.type <= WeightType::kBf16 && IsAligned(product.weight.data) && IsAligned(product.in) &&
         IsAligned(product.out);
}

bool IsCaptured(cudaStream_t stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  return cudaStreamIsCapturing(stream, &status) != cudaSuccess || status != cudaStreamCaptureStatusNone;
}

ProductShape ShapeOf(const CublasLt::Product& product) {
  return {static_cast<uint32_t>(product.weight.type), product.weight.num_rows, product.weight.num_columns,
          std::bit_ceil(product.num_rows)};
}

}  // namespace

// The descriptions of a product that the library wants. It has columns where we have rows: with m outputs, n rows and k
// inputs, our W [m][k] is its A [k, m], which it transposes, our rows [n][k] its B [k, n], and our results its D [m,
// n].
class CublasLt::Call {
 public:
  Call(const cublaslt::Api& api, const Product& product) : api_(api) {
    const MatrixView& weight = product.weight;
    const ElementType element = ElementTypeOf(weight.type);
    desc_ = Make(api.matmul_desc_destroy, api.matmul_desc_create, cublaslt::kComputeF32, cublaslt::kTypeF32);
    weight_ = Make(api.matrix_layout_destroy, api.matrix_layout_create, element.type, uint64_t{weight.num_columns},
                   uint64_t{weight.num_rows}, int64_t{weight.row_bytes / element.bytes});
    in_ = Make(api.matrix_layout_destroy, api.matrix_layout_create, element.type, uint64_t{weight.num_columns},
               uint64_t{product.num_rows}, int64_t{product.in_stride});
    out_ = Make(api.matrix_layout_destroy, api.matrix_layout_create, cublaslt::kTypeF32, uint64_t{weight.num_rows},
                uint64_t{product.num_rows}, int64_t{weight.num_rows});
    const int32_t transposed = cublaslt::kTransposed;
    is_made_ = desc_ && weight_ && in_ && out_ &&
               api.matmul_desc_set_attribute(desc_.get(), cublaslt::kDescTransposeA, &transposed, sizeof(transposed)) ==
                   cublaslt::kSuccess;
  }

  // The library's suggestions, the one first that it thinks best. Empty if it has none.
  std::vector<Algorithm> Suggestions(cublaslt::Handle handle) const {
    const Owned preference = Make(api_.preference_destroy, api_.preference_create);
    if (!is_made_ || !preference) return {};
    const uint64_t workspace_bytes = kWorkspaceBytes;
    int status = api_.preference_set_attribute(preference.get(), cublaslt::kPreferenceWorkspaceBytes, &workspace_bytes,
                                               sizeof(workspace_bytes));
    for (int matrix = 0; matrix < 4; ++matrix) {
      status |= api_.preference_set_attribute(preference.get(), cublaslt::kPreferenceAlignmentA + matrix, &kAlignment,
                                              sizeof(kAlignment));
    }
    cublaslt::HeuristicResult results[kMaxCandidates] = {};
    int num_found = 0;
    status |= api_.get_heuristic(handle, desc_.get(), weight_.get(), in_.get(), out_.get(), out_.get(),
                                 preference.get(), kMaxCandidates, results, &num_found);
    if (status != cublaslt::kSuccess) return {};
    std::vector<Algorithm> algorithms;
    for (int i = 0; i < std::min(num_found, kMaxCandidates); ++i) {
      if (results[i].state == cublaslt::kSuccess) algorithms.push_back(std::to_array(results[i].algorithm.data));
    }
    return algorithms;
  }

  bool Enqueue(cublaslt::Handle handle, const Product& product, const Algorithm& algorithm, void* workspace,
               cudaStream_t stream) const {
    if (!is_made_) return false;
    cublaslt::Algorithm settings;
    std::copy(algorithm.begin(), algorithm.end(), settings.data);
    const float alpha = 1, beta = product.is_added ? 1 : 0;
    return api_.matmul(handle, desc_.get(), &alpha, product.weight.data, weight_.get(), product.in, in_.get(), &beta,
                       product.out, out_.get(), product.out, out_.get(), &settings, workspace, kWorkspaceBytes,
                       stream) == cublaslt::kSuccess;
  }

 private:
  // An object of the library; empty if it could not be made.
  template <typename Create, typename... Arguments>
  static Owned Make(int (*destroy)(void*), Create create, Arguments... arguments) {
    void* object = nullptr;
    if (create(&object, arguments...) != cublaslt::kSuccess) object = nullptr;
    return Owned(object, Destroy{destroy});
  }

  const cublaslt::Api& api_;
  Owned desc_, weight_, in_, out_;
  bool is_made_ = false;
};

std::unique_ptr<CublasLt> CublasLt::Open(const std::string& library, std::string& why_not) {
  cublaslt::Api api = {};
  const std::vector<std::string> names = library.empty() ? cublaslt::LibraryNames() : std::vector{library};
  if (!cublaslt::FindLibrary(names, api, why_not)) return nullptr;
  void* handle = nullptr;
  if (const int status = api.create(&handle); status != cublaslt::kSuccess) {
    why_not = "cuBLASLt: status " + std::to_string(status) + " on start";
    return nullptr;
  }
  OwnedHandle owned(handle, DestroyHandle{api.destroy});
  void* workspace = nullptr;
  if (cudaMalloc(&workspace, kWorkspaceBytes) != cudaSuccess) {
    cudaGetLastError();
    why_not = "cuBLASLt: no memory for its workspace of " + std::to_string(kWorkspaceBytes) + " bytes";
    return nullptr;
  }
  return std::unique_ptr<CublasLt>(new CublasLt(api, std::move(owned), OwnedMemory(workspace),
                                                AlgorithmFilePath(CurrentDeviceModel(), api.get_version())));
}

CublasLt::CublasLt(const cublaslt::Api& api, OwnedHandle handle, OwnedMemory workspace, std::string file)
    : api_(api),
      handle_(std::move(handle)),
      workspace_(std::move(workspace)),
      file_(std::move(file)),
      algorithms_(ReadAlgorithmFile(file_)) {}

bool CublasLt::Run(cudaStream_t stream, const Call& call, const Product& product, const Algorithm& algorithm) const {
  return call.Enqueue(handle_.get(), product, algorithm, workspace_.get(), stream);
}

float CublasLt::Time(cudaStream_t stream, const Call& call, const Product& product, const Algorithm& algorithm) const {
  return TimeRuns(stream, [&] { return Run(stream, call, product, algorithm); });
}

void CublasLt::Choose(cudaStream_t stream, const Product& product) {
  const ProductShape shape = ShapeOf(product);
  if (!IsForLibrary(product) || algorithms_.contains(shape)) return;
  const Call call(api_, product);
  float best = kRefused;
  for (const Algorithm& algorithm : call.Suggestions(handle_.get())) {
    const float time = Time(stream, call, product, algorithm);
    if (time >= best) continue;
    best = time;
    algorithms_[shape] = measured_[shape] = algorithm;
  }
}

void CublasLt::Keep() {
  if (!measured_.empty() && AddToAlgorithmFile(file_, measured_)) measured_.clear();
}

bool CublasLt::Multiply(cudaStream_t stream, const Product& product) {
  if (!IsForLibrary(product)) return false;
  const ProductShape shape = ShapeOf(product);
  const Call call(api_, product);
  const auto known = algorithms_.find(shape);
  if (known != algorithms_.end() && Run(stream, call, product, known->second)) return true;
  // While a queue is captured the library may not be asked: CUDA 13.3's then fails.
  if (IsCaptured(stream)) return false;
  // One that was chosen for another number of rows, or that a file had, may not do for this product.
  for (const Algorithm& algorithm : call.Suggestions(handle_.get())) {
    if (!Run(stream, call, product, algorithm)) continue;
    algorithms_[shape] = algorithm;
    return true;
  }
  return false;
}

}  // namespace skein::cuda
