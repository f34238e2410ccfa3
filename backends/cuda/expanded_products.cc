#include "cuda/expanded_products.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "cuda/devices.h"
#include "cuda/product_choice.h"
#include "cuda/timed_runs.h"
#include "kit/tensor_intake.h"
#include "numbers/quantised.h"

namespace skein::cuda {
namespace {

constexpr uint64_t kMostBytes = uint64_t{128} << 20;
// Of the kernels that were timed. A choice by another one is made again.
constexpr uint64_t kRevision = 1;
constexpr CodePath kPaths[] = {CodePath::kCodes, CodePath::kExpandedTiles, CodePath::kExpandedLibrary};

uint64_t ExpandedBytes(const MatrixView& codes) {
  return uint64_t{codes.num_rows} * ExpandedView(codes, nullptr).row_bytes;
}

ProductShape ShapeOf(const MatrixView& codes, uint32_t num_rows) {
  return {static_cast<uint32_t>(codes.type), codes.num_rows, codes.num_columns, std::bit_ceil(num_rows)};
}

// The path that a file's bytes mean; nullopt if they are of other kernels.
std::optional<CodePath> PathIn(const Algorithm& choice) {
  for (const CodePath path : kPaths) {
    if (choice == AlgorithmOf(path)) return path;
  }
  return std::nullopt;
}

}  // namespace

Algorithm AlgorithmOf(CodePath path) { return {static_cast<uint64_t>(path), kRevision}; }

ExpandedProducts::ExpandedProducts(uint32_t device, const skein_segment_desc& desc, LibraryProducts* library)
    : library_(library),
      file_(library != nullptr ? library->file() : AlgorithmFilePath(CurrentDeviceModel(), 0)),
      expanded_(device, Bytes(desc), "a matrix that is expanded"),
      choices_(ReadAlgorithmFile(file_)) {}

uint64_t ExpandedProducts::Bytes(const skein_segment_desc& desc) {
  if (!MayBeExpanded(desc.compute_type) || !IsQuantised(desc.weight_type)) return 0;
  uint64_t most = 0;
  for (const kit::ExpectedTensor& tensor : kit::ExpectedTensors(desc)) {
    if (tensor.use != kit::Use::kMatrix) continue;
    // Of either type.
    for (const WeightType type : {WeightType::kQ8, WeightType::kQ4}) {
      MatrixView codes = {};
      codes.type = type;
      codes.num_rows = static_cast<uint32_t>(tensor.shape[0]);
      codes.num_columns = static_cast<uint32_t>(tensor.shape[1]);
      if (const uint64_t bytes = ExpandedBytes(codes); bytes <= kMostBytes) most = std::max(most, bytes);
    }
  }
  return most;
}

bool ExpandedProducts::HasRoomFor(const MatrixView& codes) const {
  return HasCodes(codes.type) && ExpandedBytes(codes) <= expanded_.size();
}

void ExpandedProducts::Choose(const Queue& queue, const MatrixView& codes, uint32_t most_rows, float* in, float* out) {
  if (!HasRoomFor(codes)) return;
  const MatrixView expanded = ExpandedView(codes, expanded_.data());
  if (library_ != nullptr) library_->Choose(queue.stream, expanded, most_rows, out);
  // As the library's choices go.
  for (uint32_t bucket = std::bit_ceil(kLeastLibraryRows); bucket / 2 < most_rows; bucket *= 2) {
    const uint32_t num_rows = std::min(bucket, most_rows);
    const ProductShape shape = ShapeOf(codes, num_rows);
    if (const auto known = choices_.find(shape); known != choices_.end() && PathIn(known->second)) continue;
    const DeviceProduct product = {
        codes, {in, num_rows, codes.num_columns}, {out, num_rows, codes.num_rows}, kit::Then::kStore};
    float best = kRefused;
    for (const CodePath path : kPaths) {
      const float time = Time(queue, product, path);
      if (time >= best) continue;
      best = time;
      choices_[shape] = measured_[shape] = AlgorithmOf(path);
    }
  }
}

void ExpandedProducts::Keep() {
  if (!measured_.empty() && AddToAlgorithmFile(file_, measured_)) measured_.clear();
}

CodePath ExpandedProducts::PathOf(const MatrixView& codes, uint32_t num_rows) const {
  if (num_rows < kLeastLibraryRows || !HasRoomFor(codes)) return CodePath::kCodes;
  const auto known = choices_.find(ShapeOf(codes, num_rows));
  return known == choices_.end() ? CodePath::kCodes : PathIn(known->second).value_or(CodePath::kCodes);
}

bool ExpandedProducts::IsFaster(const MatrixView& codes, uint32_t num_rows) const {
  return PathOf(codes, num_rows) != CodePath::kCodes;
}

cudaError_t ExpandedProducts::Multiply(const Queue& queue, const DeviceProduct& product, uint32_t num_rows_for_choice,
                                       bool& by_library) {
  return Run(queue, product, PathOf(product.weight, num_rows_for_choice), by_library);
}

cudaError_t ExpandedProducts::Run(const Queue& queue, const DeviceProduct& product, CodePath path, bool& by_library) {
  by_library = false;
  DeviceProduct plain = product;
  Queue behind = queue;
  if (path != CodePath::kCodes) {
    if (const cudaError_t error = ExpandCodes(queue, product.weight, expanded_.data()); error != cudaSuccess) {
      return error;
    }
    plain.weight = ExpandedView(product.weight, expanded_.data());
    // Products load weights before they wait for the kernel in front, which has just written these.
    behind.dependent_launch = false;
    by_library =
        path == CodePath::kExpandedLibrary && library_ != nullptr && library_->Multiply(queue, plain, Inputs::kBf16);
    if (by_library) return cudaSuccess;
  }
  ProductList list = {};
  list.products[list.count++] = plain;
  return TileProducts(behind, list, Inputs::kBf16);
}

float ExpandedProducts::Time(const Queue& queue, const DeviceProduct& product, CodePath path) {
  return TimeRuns(queue.stream, [&] {
    bool by_library = false;
    const bool is_done = Run(queue, product, path, by_library) == cudaSuccess;
    // Else it is another path under this name.
    return is_done && by_library == (path == CodePath::kExpandedLibrary);
  });
}

}  // namespace skein::cuda
