// cuda_roofs: measures what a card can do at most, for the figures of cuda_check to be compared with. Prints
//   bandwidth B      bytes read and written a second by copies within the device's memory
//   matrix_rate R    multiplications and additions a second of an fp16 product of 8192^3 by cuBLASLt, float32 sums
// and on stderr why a line is missing. Median of many; the device is told by its index, 0 by default.
// cuBLASLt is opened at run time: a machine without it is measured without its line.
#include <cuda_runtime.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "cuda/cublaslt_library.h"

namespace {

namespace cublaslt = skein::cuda::cublaslt;

constexpr int kNumRuns = 15;
constexpr size_t kCopyBytes = size_t{1} << 30;
constexpr int kWidth = 8192;
constexpr size_t kWorkspaceBytes = size_t{64} << 20;

void Check(cudaError_t error, const char* what) {
  if (error != cudaSuccess) throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(error));
}
void CheckLibrary(int status, const char* what) {
  if (status != cublaslt::kSuccess) throw std::runtime_error(what + (": status " + std::to_string(status)));
}

using DeviceBytes = std::unique_ptr<void, cudaError_t (*)(void*)>;

DeviceBytes Allocate(size_t bytes) {
  void* memory = nullptr;
  Check(cudaMalloc(&memory, bytes), "memory");
  return {memory, cudaFree};
}

// Median seconds of work that is enqueued on the default stream, after warm-up.
double MedianSeconds(const std::function<void()>& enqueue) {
  cudaEvent_t begin = nullptr, end = nullptr;
  Check(cudaEventCreate(&begin), "an event");
  Check(cudaEventCreate(&end), "an event");
  for (int i = 0; i < 3; ++i) enqueue();
  std::vector<float> times;
  for (int i = 0; i < kNumRuns; ++i) {
    Check(cudaEventRecord(begin), "an event");
    enqueue();
    Check(cudaEventRecord(end), "an event");
    Check(cudaEventSynchronize(end), "work");
    float milliseconds = 0;
    Check(cudaEventElapsedTime(&milliseconds, begin, end), "a time");
    times.push_back(milliseconds / 1e3f);
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

double MeasureBandwidth() {
  const DeviceBytes from = Allocate(kCopyBytes), to = Allocate(kCopyBytes);
  Check(cudaMemset(from.get(), 0x3C, kCopyBytes), "memory");
  const double seconds = MedianSeconds(
      [&] { Check(cudaMemcpyAsync(to.get(), from.get(), kCopyBytes, cudaMemcpyDeviceToDevice), "a copy"); });
  return 2 * static_cast<double>(kCopyBytes) / seconds;
}

// A matrix of random numbers below 1 in magnitude: a product of zeros takes less power, and so less time.
DeviceBytes RandomMatrix(uint32_t seed) {
  std::vector<uint16_t> halves(size_t{kWidth} * kWidth);
  uint32_t bits = seed;
  for (uint16_t& half : halves) {
    bits = bits * 1664525u + 1013904223u;
    half = static_cast<uint16_t>((bits >> 16 & 0x83FFu) | (8u + (bits >> 8) % 7) << 10);
  }
  const size_t num_bytes = halves.size() * sizeof(uint16_t);
  DeviceBytes matrix = Allocate(num_bytes);
  Check(cudaMemcpy(matrix.get(), halves.data(), num_bytes, cudaMemcpyHostToDevice), "a copy to the device");
  return matrix;
}

// The product of two matrices of binary16, and the library's suggestions for it.
class Product {
 public:
  Product() {
    std::string why_not;
    if (!cublaslt::FindLibrary(cublaslt::LibraryNames(), api_, why_not)) throw std::runtime_error(why_not);
    CheckLibrary(api_.create(&handle_), "cublasLtCreate");
    CheckLibrary(api_.matmul_desc_create(&desc_, cublaslt::kComputeF32, cublaslt::kTypeF32),
                 "cublasLtMatmulDescCreate");
    const int32_t transposed = cublaslt::kTransposed;
    CheckLibrary(api_.matmul_desc_set_attribute(desc_, cublaslt::kDescTransposeA, &transposed, sizeof(transposed)),
                 "cublasLtMatmulDescSetAttribute");
    CheckLibrary(api_.matrix_layout_create(&layout_, cublaslt::kTypeF16, kWidth, kWidth, kWidth),
                 "cublasLtMatrixLayoutCreate");
  }
  ~Product() {
    if (layout_ != nullptr) api_.matrix_layout_destroy(layout_);
    if (desc_ != nullptr) api_.matmul_desc_destroy(desc_);
    if (handle_ != nullptr) api_.destroy(handle_);
  }
  Product(const Product&) = delete;
  Product& operator=(const Product&) = delete;

  std::vector<cublaslt::Algorithm> Suggestions() const {
    cublaslt::Preference preference = nullptr;
    CheckLibrary(api_.preference_create(&preference), "cublasLtMatmulPreferenceCreate");
    const uint64_t workspace_bytes = kWorkspaceBytes;
    int status = api_.preference_set_attribute(preference, cublaslt::kPreferenceWorkspaceBytes, &workspace_bytes,
                                               sizeof(workspace_bytes));
    std::array<cublaslt::HeuristicResult, 8> found = {};
    int count = 0;
    status |= api_.get_heuristic(handle_, desc_, layout_, layout_, layout_, layout_, preference,
                                 static_cast<int>(found.size()), found.data(), &count);
    api_.preference_destroy(preference);
    CheckLibrary(status, "cublasLtMatmulAlgoGetHeuristic");
    std::vector<cublaslt::Algorithm> algorithms;
    for (int i = 0; i < count; ++i) {
      if (found[i].state == cublaslt::kSuccess) algorithms.push_back(found[i].algorithm);
    }
    return algorithms;
  }

  // On the default stream.
  void Multiply(const cublaslt::Algorithm& algorithm, const void* a, const void* b, void* out, void* workspace) const {
    const float one = 1, zero = 0;
    CheckLibrary(api_.matmul(handle_, desc_, &one, a, layout_, b, layout_, &zero, out, layout_, out, layout_,
                             &algorithm, workspace, kWorkspaceBytes, nullptr),
                 "cublasLtMatmul");
  }

 private:
  cublaslt::Api api_ = {};
  cublaslt::Handle handle_ = nullptr;
  cublaslt::MatmulDesc desc_ = nullptr;
  cublaslt::MatrixLayout layout_ = nullptr;
};

double MeasureMatrixRate() {
  const Product product;
  const DeviceBytes a = RandomMatrix(1), b = RandomMatrix(2), workspace = Allocate(kWorkspaceBytes);
  const DeviceBytes out = Allocate(size_t{kWidth} * kWidth * sizeof(uint16_t));
  double best = 0;
  std::string refusal = "cuBLASLt has no algorithm for the product";
  for (const cublaslt::Algorithm& algorithm : product.Suggestions()) {
    try {
      const double seconds =
          MedianSeconds([&] { product.Multiply(algorithm, a.get(), b.get(), out.get(), workspace.get()); });
      best = std::max(best, 2.0 * kWidth * kWidth * kWidth / seconds);
    } catch (const std::runtime_error& error) {
      refusal = error.what();  // another one may do
    }
  }
  if (best == 0) throw std::runtime_error(refusal);
  return best;
}

// Prints a line, or why there is none.
bool Tell(const char* name, double (*measure)()) {
  try {
    std::printf("%s %.6g\n", name, measure());
    std::fflush(stdout);
    return true;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cuda_roofs: no %s: %s\n", name, error.what());
    return false;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int device = argc > 1 ? std::atoi(argv[1]) : 0;
  if (const cudaError_t error = cudaSetDevice(device); error != cudaSuccess) {
    std::fprintf(stderr, "cuda_roofs: device %d: %s\n", device, cudaGetErrorString(error));
    return 1;
  }
  const bool has_bandwidth = Tell("bandwidth", MeasureBandwidth);
  const bool has_rate = Tell("matrix_rate", MeasureMatrixRate);
  return has_bandwidth && has_rate ? 0 : 1;
}
