#include "files/adapter.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "files/naming/naming.h"
#include "model/elements.h"
#include "model/tensor.h"
#include "skein/dtype.h"

namespace skein {
namespace {

constexpr double kMaxScale = 1000;  // of training it is a few units at most

enum class Part {
  kDown,
  kUp,
  kInitialDown,
  kInitialUp,
  kBlocks,
  kReplacement,  // no suffix
};

struct Suffix {
  absl::string_view text;
  Part part;
};

constexpr Suffix kSuffixes[] = {
    {".init_lora_A.weight", Part::kInitialDown},
    {".init_lora_A", Part::kInitialDown},
    {".init_lora_B.weight", Part::kInitialUp},
    {".init_lora_B", Part::kInitialUp},
    {".lora_A.weight", Part::kDown},
    {".lora_A", Part::kDown},
    {".lora_B.weight", Part::kUp},
    {".lora_B", Part::kUp},
    {".disha", Part::kBlocks},
    {".bone", Part::kBlocks},
};

// Cuts what an adapter's name has behind that of the tensor it changes.
Part CutSuffix(absl::string_view* name) {
  for (const Suffix& suffix : kSuffixes) {
    if (!absl::EndsWith(*name, suffix.text)) continue;
    name->remove_suffix(suffix.text.size());
    return suffix.part;
  }
  return Part::kReplacement;
}

// The same names in layer 0 of RWKV-7, where no engine uses them.
bool IsUnused(absl::string_view name, const ModelConfig& config) {
  return config.generation == 7 &&
         (name == "blocks.0.att.v0" || name == "blocks.0.att.v1" || name == "blocks.0.att.v2");
}

absl::Status Defect(const CheckpointTensor& tensor, const std::string& what) {
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

// The values of a tensor, in shape and orientation of a role.
absl::Status ReadPart(const Checkpoint& checkpoint, size_t index, const StoredPart& part,
                      absl::Span<const uint64_t> shape, float* values) {
  const CheckpointTensor& tensor = checkpoint.tensors()[index];
  std::vector<uint8_t> scratch;
  TensorView stored = {tensor.dtype, tensor.shape, tensor.strides, tensor.data};
  if (stored.data == nullptr) {
    SKEIN_RETURN_IF_ERROR(checkpoint.Read(index, scratch));
    stored.data = scratch.data();
  }
  SKEIN_ASSIGN_OR_RETURN(const TensorView view, ViewAsRole(part, shape, stored, tensor.name, scratch));
  return CopyElements(view, tensor.name, SKEIN_DTYPE_F32, reinterpret_cast<uint8_t*>(values));
}

// All values of a tensor of two or three dimensions.
absl::StatusOr<std::vector<float>> ReadWhole(const Checkpoint& checkpoint, size_t index) {
  const std::vector<uint64_t>& shape = checkpoint.tensors()[index].shape;
  const uint64_t columns = shape.back();
  uint64_t rows = 1;
  for (size_t d = 0; d + 1 < shape.size(); ++d) rows *= shape[d];
  std::vector<float> values(rows * columns);
  const StoredPart part = {shape.size() == 2 ? Stored::kAsRole : Stored::kReshaped};
  SKEIN_RETURN_IF_ERROR(ReadPart(checkpoint, index, part, {rows, columns}, values.data()));
  return values;
}

// weights[rows, columns] += scale up[rows, rank] down[rank, columns], in blocks of rows on the host's threads.
struct ProductTask {
  static constexpr uint64_t kBlockRows = 16;
  static constexpr uint64_t kTileColumns = 1024;

  const float* up;
  const float* down;
  uint64_t rank;
  float scale;
  MatrixSize size;
  float* weights;

  void Run(uint64_t block) const {
    const uint64_t end = std::min(size.rows, (block + 1) * kBlockRows);
    for (uint64_t column = 0; column < size.columns; column += kTileColumns) {
      const uint64_t width = std::min(kTileColumns, size.columns - column);
      for (uint64_t row = block * kBlockRows; row < end; ++row) {
        float sums[kTileColumns] = {};
        for (uint64_t k = 0; k < rank; ++k) {
          const float factor = up[row * rank + k];
          const float* values = down + k * size.columns + column;
          for (uint64_t j = 0; j < width; ++j) sums[j] += factor * values[j];
        }
        float* out = weights + row * size.columns + column;
        for (uint64_t j = 0; j < width; ++j) out[j] += scale * sums[j];
      }
    }
  }
};

// D [r, out], the newer form: each block of r inputs is summed and goes through D, so W[o, b r + q] += D[q, o]. A last
// block that is not whole has the first rows.
void AddSharedBlock(const std::vector<float>& d, uint64_t rank, float scale, MatrixSize size, float* weights) {
  for (uint64_t o = 0; o < size.rows; ++o) {
    for (uint64_t i = 0; i < size.columns; ++i) weights[o * size.columns + i] += scale * d[i % rank * size.rows + o];
  }
}

// D [in / r, r, r], the older form: with W in blocks of r by r, W[a][b] += W[a][b] D[b] + D[b].
void AddBlocks(const std::vector<float>& d, uint64_t rank, float scale, MatrixSize size, float* weights) {
  std::vector<float> changed(rank);
  for (uint64_t o = 0; o < size.rows; ++o) {
    for (uint64_t b = 0; b < size.columns / rank; ++b) {
      const float* block = &d[b * rank * rank];
      float* row = weights + o * size.columns + b * rank;
      std::copy_n(block + o % rank * rank, rank, changed.begin());
      for (uint64_t z = 0; z < rank; ++z) {
        for (uint64_t y = 0; y < rank; ++y) changed[y] += row[z] * block[z * rank + y];
      }
      for (uint64_t y = 0; y < rank; ++y) row[y] += scale * changed[y];
    }
  }
}

}  // namespace

absl::StatusOr<std::vector<AdapterSource>> ParseAdapters(absl::string_view lines) {
  std::vector<AdapterSource> adapters;
  for (const absl::string_view line : absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
    AdapterSource adapter = {std::string(line)};
    const size_t colon = line.rfind(':');
    double scale;
    if (colon != absl::string_view::npos && colon > 0 && absl::SimpleAtod(line.substr(colon + 1), &scale)) {
      // Written so that NaN is refused.
      if (!(std::abs(scale) <= kMaxScale)) {
        return absl::InvalidArgumentError(absl::StrCat("adapter \"", line, "\": scale ", scale,
                                                       "; expected a number from -", kMaxScale, " to ", kMaxScale));
      }
      adapter = {std::string(line.substr(0, colon)), scale};
    }
    adapters.push_back(std::move(adapter));
  }
  return adapters;
}

AdapterContents CountAdapterTensors(absl::Span<const CheckpointTensor> tensors) {
  AdapterContents contents;
  for (const CheckpointTensor& tensor : tensors) {
    absl::string_view name = tensor.name;
    switch (CutSuffix(&name)) {
      case Part::kDown:
        ++contents.num_products;
        if (!tensor.shape.empty()) contents.max_rank = std::max(contents.max_rank, tensor.shape[0]);
        break;
      case Part::kInitialDown:
        ++contents.num_initial;
        break;
      case Part::kBlocks:
        ++contents.num_blocks;
        break;
      case Part::kUp:
      case Part::kInitialUp:
        break;
      case Part::kReplacement:
        ++contents.num_others;
        break;
    }
  }
  return contents;
}

absl::StatusOr<std::unique_ptr<ModelFile>> AdaptedModel::Open(absl::Span<const Plugin<skein_format_table>> formats,
                                                              std::unique_ptr<ModelFile> base,
                                                              absl::Span<const AdapterSource> adapters,
                                                              FileAccess access) {
  std::unique_ptr<AdaptedModel> model(new AdaptedModel(std::move(base)));
  for (const AdapterSource& source : adapters) {
    auto adapter = std::make_unique<Adapter>();
    adapter->source = source;
    SKEIN_ASSIGN_OR_RETURN(std::unique_ptr<File> file, File::Open(source.path, access));
    SKEIN_ASSIGN_OR_RETURN(adapter->checkpoint, Checkpoint::Open(formats, model->host_, std::move(file)));
    SKEIN_RETURN_IF_ERROR(Annotate(model->Add(*adapter), source.path));
    model->adapters_.push_back(std::move(adapter));
  }
  return std::unique_ptr<ModelFile>(std::move(model));
}

AdaptedModel::AdaptedModel(std::unique_ptr<ModelFile> base)
    : ModelFile(HostOf(*base), base->path()), base_(std::move(base)), changes_(base_->tensors().size()) {
  DescribeAs(*base_);
}

absl::Status AdaptedModel::Add(const Adapter& adapter) {
  const absl::Span<const CheckpointTensor> tensors = adapter.checkpoint->tensors();
  if (tensors.empty()) return absl::InvalidArgumentError("holds no tensors; expected an adapter");
  for (size_t i = 0; i < tensors.size(); ++i) SKEIN_RETURN_IF_ERROR(AddTensor(adapter, i));
  for (size_t i = 0; i < changes_.size(); ++i) {
    if (changes_[i].empty() || changes_[i].back().adapter != &adapter) continue;
    SKEIN_RETURN_IF_ERROR(CheckChange(i, changes_[i].back()));
    specs_[i].dtype = SKEIN_DTYPE_F32;
    specs_[i].layout = SKEIN_LAYOUT_ROWS;
  }
  return absl::OkStatus();
}

absl::Status AdaptedModel::AddTensor(const Adapter& adapter, size_t tensor) {
  const CheckpointTensor& stored = adapter.checkpoint->tensors()[tensor];
  absl::string_view stem = stored.name;
  const Part part = CutSuffix(&stem);
  std::vector<AuthorPart> targets;
  if (part != Part::kReplacement) targets = FindAuthorTensor(absl::StrCat(stem, ".weight"), config_);
  if (targets.empty()) targets = FindAuthorTensor(stem, config_);
  if (targets.empty()) {
    if (IsUnused(stem, config_)) return absl::OkStatus();
    uint32_t layer;
    if (ParseAuthorStateName(stored.name, &layer)) {
      return Defect(stored, "a tuned state, which is no adapter; give its file as the option state");
    }
    return Defect(stored, absl::StrCat("expected a tensor of the model, which is ", config_.VersionName(), " with ",
                                       config_.num_layers,
                                       " layers, or one that changes such a tensor (P.lora_A, "
                                       "P.lora_B, P.init_lora_A, P.init_lora_B, P.disha, P.bone)"));
  }
  for (const AuthorPart& target : targets) {
    Change& change = ChangeOf(adapter, FindSpec(target.role, target.layer));
    size_t* place = nullptr;
    switch (part) {
      case Part::kDown:
        place = &change.trained.down;
        break;
      case Part::kUp:
        place = &change.trained.up;
        break;
      case Part::kInitialDown:
        place = &change.initial.down;
        break;
      case Part::kInitialUp:
        place = &change.initial.up;
        break;
      case Part::kBlocks:
        place = &change.blocks;
        break;
      case Part::kReplacement:
        place = &change.replacement;
        change.replacement_part = target.part;
        break;
    }
    if (*place != kMissing) return Defect(stored, "is there twice");
    if (part != Part::kReplacement && target.part.stored != Stored::kAsRole) {
      return Defect(stored, absl::StrCat("\"", stem,
                                         "\" is stored transposed or with others in one tensor; expected a "
                                         "projection or a vector"));
    }
    *place = tensor;
  }
  return absl::OkStatus();
}

AdaptedModel::Change& AdaptedModel::ChangeOf(const Adapter& adapter, size_t index) {
  std::vector<Change>& changes = changes_[index];
  if (changes.empty() || changes.back().adapter != &adapter) {
    changes.emplace_back();
    changes.back().adapter = &adapter;
  }
  return changes.back();
}

size_t AdaptedModel::FindSpec(uint32_t role, uint32_t layer) const {
  const auto found = std::find_if(specs_.begin(), specs_.end(),
                                  [&](const TensorSpec& spec) { return spec.role == role && spec.layer == layer; });
  return static_cast<size_t>(found - specs_.begin());
}

absl::Status AdaptedModel::CheckChange(size_t index, const Change& change) const {
  const absl::Span<const CheckpointTensor> tensors = change.adapter->checkpoint->tensors();
  const MatrixSize size = SizeOf(specs_[index]);
  const std::string target = absl::StrCat("to change ", ShapeText({size.rows, size.columns}));
  for (const Product& product : {change.trained, change.initial}) {
    if (product.down == kMissing && product.up == kMissing) continue;
    if (product.down == kMissing) return Defect(tensors[product.up], "expected its lora_A beside it, found none");
    const CheckpointTensor& down = tensors[product.down];
    if (product.up == kMissing) return Defect(down, "expected its lora_B beside it, found none");
    const CheckpointTensor& up = tensors[product.up];
    if (down.shape.size() != 2 || down.shape[0] == 0 || down.shape[1] != size.columns) {
      return Defect(down, absl::StrCat("expected [rank, ", size.columns, "] ", target));
    }
    if (up.shape != std::vector<uint64_t>{size.rows, down.shape[0]}) {
      return Defect(up, absl::StrCat("expected ", ShapeText({size.rows, down.shape[0]}), " ", target));
    }
  }
  if (change.blocks != kMissing) {
    const CheckpointTensor& blocks = tensors[change.blocks];
    const std::vector<uint64_t>& shape = blocks.shape;
    const bool shared = shape.size() == 2 && shape[0] > 0 && shape[0] <= size.columns && shape[1] == size.rows;
    const bool separate = shape.size() == 3 && shape[1] == shape[2] && shape[1] > 0 && size.rows % shape[1] == 0 &&
                          size.columns % shape[1] == 0 && shape[0] == size.columns / shape[1];
    if (!shared && !separate) {
      return Defect(blocks, absl::StrCat("expected [r, ", size.rows, "], or [", size.columns, " / r, r, r], ", target));
    }
  }
  if (change.replacement == kMissing) return absl::OkStatus();
  const CheckpointTensor& replacement = tensors[change.replacement];
  uint64_t expected;
  uint64_t found;
  NumElements(specs_[index].shape, &expected);  // both fit: the tensors are there
  NumElements(replacement.shape, &found);
  if (found != expected * change.replacement_part.num_parts) {
    return Defect(replacement, absl::StrCat("expected ", expected * change.replacement_part.num_parts,
                                            " elements as the model's own tensor has, found ", found));
  }
  return absl::OkStatus();
}

absl::Status AdaptedModel::MergeProduct(size_t index, const Adapter& adapter, const Product& product, double scale,
                                        float* weights) const {
  SKEIN_ASSIGN_OR_RETURN(const std::vector<float> down, ReadWhole(*adapter.checkpoint, product.down));
  SKEIN_ASSIGN_OR_RETURN(const std::vector<float> up, ReadWhole(*adapter.checkpoint, product.up));
  const MatrixSize size = SizeOf(specs_[index]);
  ProductTask task = {
      up.data(), down.data(), adapter.checkpoint->tensors()[product.down].shape[0], static_cast<float>(scale),
      size,      weights};
  host_.parallel_for(
      host_.context, (size.rows + ProductTask::kBlockRows - 1) / ProductTask::kBlockRows,
      [](void* argument, uint64_t block) { static_cast<const ProductTask*>(argument)->Run(block); }, &task);
  return absl::OkStatus();
}

absl::Status AdaptedModel::MergeBlocks(size_t index, const Adapter& adapter, size_t tensor, float* weights) const {
  SKEIN_ASSIGN_OR_RETURN(const std::vector<float> blocks, ReadWhole(*adapter.checkpoint, tensor));
  const std::vector<uint64_t>& shape = adapter.checkpoint->tensors()[tensor].shape;
  const auto scale = static_cast<float>(adapter.source.scale);
  if (shape.size() == 2) {
    AddSharedBlock(blocks, shape[0], scale, SizeOf(specs_[index]), weights);
  } else {
    AddBlocks(blocks, shape[1], scale, SizeOf(specs_[index]), weights);
  }
  return absl::OkStatus();
}

absl::StatusOr<ModelFile::StoredTensor> AdaptedModel::View(size_t index, std::vector<uint8_t>& scratch) const {
  const std::vector<Change>& changes = changes_[index];
  if (changes.empty()) return ViewOf(*base_, index, scratch);
  const std::vector<uint64_t>& shape = specs_[index].shape;
  uint64_t size_bytes = 0;
  PackedBytes(*FindDtype(SKEIN_DTYPE_F32), shape, &size_bytes);  // fits: the tensor is there
  if (changes.front().replacement == kMissing) {
    SKEIN_ASSIGN_OR_RETURN(const TensorData data, base_->ReadTensor(index, SKEIN_DTYPE_F32, scratch));
    if (data.mapped) {
      const auto* bytes = static_cast<const uint8_t*>(data.data);
      scratch.assign(bytes, bytes + size_bytes);
    }
  } else {
    scratch.resize(size_bytes);
  }
  auto* weights = reinterpret_cast<float*>(scratch.data());
  for (const Change& change : changes) {
    const Adapter& adapter = *change.adapter;
    const auto merge = [&]() -> absl::Status {
      if (change.replacement != kMissing) {
        SKEIN_RETURN_IF_ERROR(
            ReadPart(*adapter.checkpoint, change.replacement, change.replacement_part, shape, weights));
      }
      if (change.initial.down != kMissing) {
        SKEIN_RETURN_IF_ERROR(MergeProduct(index, adapter, change.initial, -adapter.source.scale, weights));
      }
      if (change.trained.down != kMissing) {
        SKEIN_RETURN_IF_ERROR(MergeProduct(index, adapter, change.trained, adapter.source.scale, weights));
      }
      return change.blocks == kMissing ? absl::OkStatus() : MergeBlocks(index, adapter, change.blocks, weights);
    };
    SKEIN_RETURN_IF_ERROR(Annotate(merge(), adapter.source.path));
  }
  return StoredTensor{{SKEIN_DTYPE_F32, shape, PackedStrides(shape), scratch.data()}};
}

}  // namespace skein
