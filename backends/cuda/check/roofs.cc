// cuda_roofs: measures what a card can do at most, for the figures of cuda_check to be compared with. Prints
//   bandwidth B      bytes read and written a second by copies within the device's memory
//   matrix_rate R    multiplications and additions a second of an fp16 product of 8192^3 by cuBLASLt, float32 sums
// and on stderr why a line is missing. Median of many; the device is told by its index, 0 by default.
// cuBLASLt is opened at run time: a machine without it is measured without its line.
#include <cublasLt.h>
#include <cuda_runtime.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr int kNumRuns = 15;
constexpr size_t kCopyBytes = size_t{1} << 30;
constexpr int kWidth = 8192;
constexpr size_t kWorkspaceBytes = size_t{64} << 20;

void Check(cudaError_t error, const char* what) {
  if (error != cudaSuccess) throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(error));
}
void Check(cublasStatus_t status, const char* what) {
  if (status != CUBLAS_STATUS_SUCCESS) throw std::runtime_error(what + (": status " + std::to_string(status)));
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

class Library {
 public:
  Library() {
    for (const char* name : {"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so"}) {
      if (library_ == nullptr) library_ = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    }
    if (library_ == nullptr) throw std::runtime_error("cuBLASLt: " + std::string(dlerror()));
  }
  template <typename Function>
  Function* Find(const char* name) const {
    void* const found = dlsym(library_, name);
    if (found == nullptr) throw std::runtime_error(std::string("cuBLASLt has no ") + name);
    return reinterpret_cast<Function*>(found);
  }

 private:
  void* library_ = nullptr;  // never unloaded
};

#define SKEIN_FIND(name) library.Find<decltype(name)>(#name)

double MeasureMatrixRate() {
  const Library library;
  cublasLtHandle_t handle = nullptr;
  Check(SKEIN_FIND(cublasLtCreate)(&handle), "cublasLtCreate");
  cublasLtMatmulDesc_t product = nullptr;
  Check(SKEIN_FIND(cublasLtMatmulDescCreate)(&product, CUBLAS_COMPUTE_32F, CUDA_R_32F), "cublasLtMatmulDescCreate");
  const cublasOperation_t transposed = CUBLAS_OP_T;
  Check(
      SKEIN_FIND(cublasLtMatmulDescSetAttribute)(product, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof(transposed)),
      "cublasLtMatmulDescSetAttribute");
  cublasLtMatrixLayout_t layout = nullptr;
  Check(SKEIN_FIND(cublasLtMatrixLayoutCreate)(&layout, CUDA_R_16F, kWidth, kWidth, kWidth),
        "cublasLtMatrixLayoutCreate");
  cublasLtMatmulPreference_t preference = nullptr;
  Check(SKEIN_FIND(cublasLtMatmulPreferenceCreate)(&preference), "cublasLtMatmulPreferenceCreate");
  Check(SKEIN_FIND(cublasLtMatmulPreferenceSetAttribute)(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                                         &kWorkspaceBytes, sizeof(kWorkspaceBytes)),
        "cublasLtMatmulPreferenceSetAttribute");
  std::vector<cublasLtMatmulHeuristicResult_t> found(8);
  int count = 0;
  Check(SKEIN_FIND(cublasLtMatmulAlgoGetHeuristic)(handle, product, layout, layout, layout, layout, preference,
                                                   static_cast<int>(found.size()), found.data(), &count),
        "cublasLtMatmulAlgoGetHeuristic");

  const DeviceBytes a = RandomMatrix(1), b = RandomMatrix(2), workspace = Allocate(kWorkspaceBytes);
  const DeviceBytes out = Allocate(size_t{kWidth} * kWidth * sizeof(uint16_t));
  const float one = 1, zero = 0;
  const auto multiply = SKEIN_FIND(cublasLtMatmul);
  double best = 0;
  for (int i = 0; i < count; ++i) {
    const double seconds = MedianSeconds([&] {
      Check(multiply(handle, product, &one, a.get(), layout, b.get(), layout, &zero, out.get(), layout, out.get(),
                     layout, &found[i].algo, workspace.get(), kWorkspaceBytes, nullptr),
            "cublasLtMatmul");
    });
    best = std::max(best, 2.0 * kWidth * kWidth * kWidth / seconds);
  }
  if (count == 0) throw std::runtime_error("cuBLASLt has no algorithm for the product");
  SKEIN_FIND(cublasLtMatmulPreferenceDestroy)(preference);
  SKEIN_FIND(cublasLtMatrixLayoutDestroy)(layout);
  SKEIN_FIND(cublasLtMatmulDescDestroy)(product);
  SKEIN_FIND(cublasLtDestroy)(handle);
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
