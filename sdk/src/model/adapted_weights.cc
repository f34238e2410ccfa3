#include "model/adapted_weights.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/parallel.h"
#include "base/status.h"
#include "model/stored_tensor.h"
#include "model/tensor.h"
#include "skein/dtype.h"

namespace skein {
namespace {

absl::Status Defect(const AdapterTensor& tensor, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("tensor \"", tensor.name, "\" ", ShapeText(tensor.shape), ": ", what));
}

// Rows and columns of a weight; a vector is one row.
struct MatrixSize {
  uint64_t rows;
  uint64_t columns;
};

MatrixSize SizeOf(const TensorSpec& spec) {
  return spec.shape.size() == 1 ? MatrixSize{1, spec.shape[0]} : MatrixSize{spec.shape[0], spec.shape[1]};
}

std::string TargetText(MatrixSize size) { return absl::StrCat("to change ", ShapeText({size.rows, size.columns})); }

absl::Status CheckProduct(const LowRankProduct& product, MatrixSize size) {
  if (!product.down.is_present() && !product.up.is_present()) return absl::OkStatus();
  if (!product.down.is_present()) return Defect(product.up, "expected its lora_A beside it, found none");
  if (!product.up.is_present()) return Defect(product.down, "expected its lora_B beside it, found none");
  const std::vector<uint64_t>& down = product.down.shape;
  if (down.size() != 2 || down[0] == 0 || down[1] != size.columns) {
    return Defect(product.down, absl::StrCat("expected [rank, ", size.columns, "] ", TargetText(size)));
  }
  if (product.up.shape != std::vector<uint64_t>{size.rows, down[0]}) {
    return Defect(product.up, absl::StrCat("expected ", ShapeText({size.rows, down[0]}), " ", TargetText(size)));
  }
  return absl::OkStatus();
}

absl::Status CheckMagnitude(const TensorChange& change, MatrixSize size) {
  if (!change.magnitude.is_present()) return absl::OkStatus();
  if (!change.trained.down.is_present()) {
    return Defect(change.magnitude, "expected the product of its lora_A and lora_B beside it, found none");
  }
  const uint64_t expected = change.magnitude_is_of_columns ? size.columns : size.rows;
  uint64_t found = 0;
  NumElements(change.magnitude.shape, &found);  // fits: the tensor is there
  if (found == expected) return absl::OkStatus();
  return Defect(change.magnitude, absl::StrCat("expected [", expected, "] ", TargetText(size)));
}

// The number of blocks of a change in the form [n, r, r].
uint64_t NumBlocks(BlockOrder order, MatrixSize size, uint64_t rank) {
  return (order == BlockOrder::kByInput ? size.columns : size.rows) / rank;
}

bool IsSharedBlock(const std::vector<uint64_t>& shape, BlockOrder order, MatrixSize size) {
  if (shape.size() != 2 || shape[0] == 0 || shape[0] > size.columns || shape[1] == 0) return false;
  return shape[1] == size.rows || (order == BlockOrder::kByOutput && size.rows % shape[1] == 0);
}

bool AreOwnBlocks(const std::vector<uint64_t>& shape, BlockOrder order, MatrixSize size) {
  return shape.size() == 3 && shape[1] == shape[2] && shape[1] > 0 && size.rows % shape[1] == 0 &&
         size.columns % shape[1] == 0 && shape[0] == NumBlocks(order, size, shape[1]);
}

absl::Status CheckBlocks(const TensorChange& change, MatrixSize size) {
  const AdapterTensor& blocks = change.blocks;
  if (!blocks.is_present() || IsSharedBlock(blocks.shape, change.block_order, size) ||
      AreOwnBlocks(blocks.shape, change.block_order, size)) {
    return absl::OkStatus();
  }
  const uint64_t blocked = change.block_order == BlockOrder::kByInput ? size.columns : size.rows;
  return Defect(blocks,
                absl::StrCat("expected [r, ", size.rows, "], or [", blocked, " / r, r, r], ", TargetText(size)));
}

absl::StatusOr<std::vector<float>> ReadAll(const AdapterTensor& tensor) {
  uint64_t num_elements = 0;
  NumElements(tensor.shape, &num_elements);  // fits: the tensor is there
  std::vector<float> values(num_elements);
  SKEIN_RETURN_IF_ERROR(tensor.read(values.data()));
  return values;
}

// weights[rows, columns] += scale up[rows, rank] down[rank, columns], a block of rows at a time.
struct ProductTask {
  static constexpr uint64_t kBlockRows = 16;
  static constexpr uint64_t kTileColumns = 1024;

  const float* up;
  const float* down;
  uint64_t rank;
  float scale;
  MatrixSize size;
  float* weights;

  uint64_t num_blocks() const { return (size.rows + kBlockRows - 1) / kBlockRows; }

  void Run(uint64_t block) const {
    const uint64_t end = std::min(size.rows, (block + 1) * kBlockRows);
    for (uint64_t column = 0; column < size.columns; column += kTileColumns) {
      const uint64_t width = std::min(kTileColumns, size.columns - column);
      for (uint64_t row = block * kBlockRows; row < end; ++row) AddRow(row, column, width);
    }
  }

  void AddRow(uint64_t row, uint64_t column, uint64_t width) const {
    float sums[kTileColumns] = {};
    for (uint64_t k = 0; k < rank; ++k) {
      const float factor = up[row * rank + k];
      const float* values = down + k * size.columns + column;
      for (uint64_t j = 0; j < width; ++j) sums[j] += factor * values[j];
    }
    float* out = weights + row * size.columns + column;
    for (uint64_t j = 0; j < width; ++j) out[j] += scale * sums[j];
  }
};

absl::Status MergeProduct(const skein_host& host, const LowRankProduct& product, double scale, MatrixSize size,
                          float* weights) {
  if (!product.down.is_present()) return absl::OkStatus();
  SKEIN_ASSIGN_OR_RETURN(const std::vector<float> down, ReadAll(product.down));
  SKEIN_ASSIGN_OR_RETURN(const std::vector<float> up, ReadAll(product.up));
  const ProductTask task = {up.data(), down.data(), product.down.shape[0], static_cast<float>(scale), size, weights};
  return ParallelFor(host, task.num_blocks(), [&](size_t block) {
    task.Run(block);
    return absl::OkStatus();
  });
}

// W[i, :] *= magnitude[i] / |W[i, :]|. PEFT's DoRA, arXiv:2402.09353.
void SetRowLengths(const std::vector<float>& magnitude, MatrixSize size, float* weights) {
  for (uint64_t row = 0; row < size.rows; ++row) {
    float* const values = weights + row * size.columns;
    double squares = 0;
    for (uint64_t j = 0; j < size.columns; ++j) squares += double{values[j]} * values[j];
    const double factor = magnitude[row] / std::sqrt(squares);
    for (uint64_t j = 0; j < size.columns; ++j) values[j] = static_cast<float>(values[j] * factor);
  }
}

// The same for columns, as PEFT has it for embeddings.
void SetColumnLengths(const std::vector<float>& magnitude, MatrixSize size, float* weights) {
  std::vector<double> factors(size.columns);
  for (uint64_t row = 0; row < size.rows; ++row) {
    const float* const values = weights + row * size.columns;
    for (uint64_t j = 0; j < size.columns; ++j) factors[j] += double{values[j]} * values[j];
  }
  for (uint64_t j = 0; j < size.columns; ++j) factors[j] = magnitude[j] / std::sqrt(factors[j]);
  for (uint64_t row = 0; row < size.rows; ++row) {
    float* const values = weights + row * size.columns;
    for (uint64_t j = 0; j < size.columns; ++j) values[j] = static_cast<float>(values[j] * factors[j]);
  }
}

absl::Status MergeMagnitude(const TensorChange& change, MatrixSize size, float* weights) {
  if (!change.magnitude.is_present()) return absl::OkStatus();
  SKEIN_ASSIGN_OR_RETURN(const std::vector<float> magnitude, ReadAll(change.magnitude));
  if (change.magnitude_is_of_columns) {
    SetColumnLengths(magnitude, size, weights);
  } else {
    SetRowLengths(magnitude, size, weights);
  }
  return absl::OkStatus();
}

// D [r, m], where m is out or divides it: each block of r inputs is summed and goes through D, so
// W[o, b r + q] += D[q, o mod m]. A last block that is not whole gets the first rows of D.
void AddSharedBlock(const std::vector<float>& d, uint64_t rank, float scale, MatrixSize size, float* weights) {
  const uint64_t num_columns = d.size() / rank;
  for (uint64_t o = 0; o < size.rows; ++o) {
    const float* const column = &d[o % num_columns];
    for (uint64_t i = 0; i < size.columns; ++i) weights[o * size.columns + i] += scale * column[i % rank * num_columns];
  }
}

// D [n, r, r]: with W in blocks of r by r, W[a][b] += W[a][b] D[n] + D[n], where n is b, or a under kByOutput.
void AddOwnBlocks(const std::vector<float>& d, uint64_t rank, BlockOrder order, float scale, MatrixSize size,
                  float* weights) {
  std::vector<float> changed(rank);
  for (uint64_t o = 0; o < size.rows; ++o) {
    for (uint64_t b = 0; b < size.columns / rank; ++b) {
      const float* const block = &d[(order == BlockOrder::kByInput ? b : o / rank) * rank * rank];
      float* row = weights + o * size.columns + b * rank;
      std::copy_n(block + o % rank * rank, rank, changed.begin());
      for (uint64_t z = 0; z < rank; ++z) {
        for (uint64_t y = 0; y < rank; ++y) changed[y] += row[z] * block[z * rank + y];
      }
      for (uint64_t y = 0; y < rank; ++y) row[y] += scale * changed[y];
    }
  }
}

absl::Status MergeBlocks(const TensorChange& change, MatrixSize size, float* weights) {
  const AdapterTensor& blocks = change.blocks;
  if (!blocks.is_present()) return absl::OkStatus();
  SKEIN_ASSIGN_OR_RETURN(const std::vector<float> values, ReadAll(blocks));
  const auto scale = static_cast<float>(change.scale);
  if (blocks.shape.size() == 2) {
    AddSharedBlock(values, blocks.shape[0], scale, size, weights);
  } else {
    AddOwnBlocks(values, blocks.shape[1], change.block_order, scale, size, weights);
  }
  return absl::OkStatus();
}

absl::Status Merge(const skein_host& host, const TensorChange& change, MatrixSize size, float* weights) {
  if (change.replacement.is_present()) SKEIN_RETURN_IF_ERROR(change.replacement.read(weights));
  SKEIN_RETURN_IF_ERROR(MergeProduct(host, change.initial, -change.scale, size, weights));
  SKEIN_RETURN_IF_ERROR(MergeProduct(host, change.trained, change.scale, size, weights));
  SKEIN_RETURN_IF_ERROR(MergeMagnitude(change, size, weights));
  return MergeBlocks(change, size, weights);
}

class AdaptedWeights final : public WeightSource {
 public:
  AdaptedWeights(const skein_host& host, std::unique_ptr<WeightSource> base, std::string base_path,
                 std::vector<std::vector<TensorChange>> changes)
      : host_(host),
        base_(std::move(base)),
        base_path_(std::move(base_path)),
        changes_(std::move(changes)),
        specs_(base_->tensors().begin(), base_->tensors().end()) {
    for (size_t i = 0; i < specs_.size(); ++i) {
      if (changes_[i].empty()) continue;
      specs_[i].dtype = SKEIN_DTYPE_F32;
      specs_[i].layout = SKEIN_LAYOUT_ROWS;
    }
  }

  absl::Span<const TensorSpec> tensors() const override { return specs_; }

  absl::StatusOr<StoredTensor> View(size_t index, std::vector<uint8_t>& scratch) const override {
    if (changes_[index].empty()) return base_->View(index, scratch);
    const TensorSpec& spec = specs_[index];
    SKEIN_RETURN_IF_ERROR(StartFrom(index, scratch));
    auto* weights = reinterpret_cast<float*>(scratch.data());
    for (const TensorChange& change : changes_[index]) {
      SKEIN_RETURN_IF_ERROR(Annotate(Merge(host_, change, SizeOf(spec), weights), change.path));
    }
    return StoredTensor{{SKEIN_DTYPE_F32, spec.shape, PackedStrides(spec.shape), scratch.data()}};
  }

  absl::Span<const uint8_t> StoredPanels(size_t index) const override { return base_->StoredPanels(index); }
  absl::Status CheckStoredBytes(size_t index) const override { return base_->CheckStoredBytes(index); }

  bool Generate(size_t index, uint32_t dtype, std::vector<uint8_t>& buffer) const override {
    return changes_[index].empty() && base_->Generate(index, dtype, buffer);
  }

 private:
  // Fills `weights` with the values of the base as float32, or only makes room for them if they are replaced anyway.
  absl::Status StartFrom(size_t index, std::vector<uint8_t>& weights) const {
    const TensorSpec& spec = specs_[index];
    uint64_t size_bytes = 0;
    PackedBytes(*FindDtype(SKEIN_DTYPE_F32), spec.shape, &size_bytes);  // fits: the tensor is there
    weights.resize(size_bytes);
    if (changes_[index].front().replacement.is_present()) return absl::OkStatus();
    std::vector<uint8_t> base_scratch;
    SKEIN_ASSIGN_OR_RETURN(const StoredTensor stored, base_->View(index, base_scratch));
    return Annotate(CopyParameters(host_, stored, spec.source_name, SKEIN_DTYPE_F32, weights.data()), base_path_);
  }

  const skein_host& host_;
  const std::unique_ptr<WeightSource> base_;
  const std::string base_path_;
  const std::vector<std::vector<TensorChange>> changes_;  // parallel to specs_
  std::vector<TensorSpec> specs_;
};

}  // namespace

absl::Status CheckChange(const TensorSpec& spec, const TensorChange& change) {
  SKEIN_RETURN_IF_ERROR(CheckProduct(change.trained, SizeOf(spec)));
  SKEIN_RETURN_IF_ERROR(CheckProduct(change.initial, SizeOf(spec)));
  SKEIN_RETURN_IF_ERROR(CheckMagnitude(change, SizeOf(spec)));
  return CheckBlocks(change, SizeOf(spec));
}

std::unique_ptr<WeightSource> AdaptWeights(const skein_host& host, std::unique_ptr<WeightSource> base,
                                           std::string base_path, std::vector<std::vector<TensorChange>> changes) {
  return std::make_unique<AdaptedWeights>(host, std::move(base), std::move(base_path), std::move(changes));
}

}  // namespace skein
