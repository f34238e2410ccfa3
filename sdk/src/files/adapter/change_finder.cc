#include "files/adapter/change_finder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "base/utf8.h"
#include "files/checkpoint/checkpoint_part.h"
#include "files/naming/adapter_name.h"
#include "files/naming/scheme.h"
#include "files/naming/stored_part.h"
#include "files/naming/tensor_name.h"
#include "model/tensor.h"
#include "skein/backend.h"

namespace skein {
namespace {

constexpr size_t kMaxShownNames = 3;

constexpr const char* kReadNames =
    "a name of the model, or P.lora_A and P.lora_B, P.lora_magnitude_vector, P.init_lora_A and P.init_lora_B, P.disha, "
    "P.bone, P.miss_block or P.bone_block of such a P, such as \"blocks.0.att.key.lora_A\"";

absl::Status Defect(const CheckpointTensor& tensor, const std::string& what) {
  return absl::InvalidArgumentError(
      absl::StrCat("tensor \"", EscapeText(tensor.name), "\" ", ShapeText(tensor.shape), ": ", what));
}

// --- reading tensors of the adapter ---

// All values of tensor `index`, in `shape`; `part` says how they lie.
AdapterTensor Take(std::shared_ptr<const Checkpoint> adapter, size_t index, StoredPart part,
                   std::vector<uint64_t> shape) {
  AdapterTensor taken = {.name = adapter->tensors()[index].name, .shape = shape};
  taken.read = [adapter = std::move(adapter), index, part, shape = std::move(shape)](float* values) {
    return ReadPart(*adapter, index, part, shape, values);
  };
  return taken;
}

// The whole of tensor `index` in its own shape and order.
AdapterTensor TakeWhole(const std::shared_ptr<const Checkpoint>& adapter, size_t index) {
  const std::vector<uint64_t>& shape = adapter->tensors()[index].shape;
  uint64_t num_elements = 0;
  NumElements(shape, &num_elements);  // fits: the tensor is there
  AdapterTensor taken = Take(adapter, index, {Stored::kReshaped, 0, 1}, {num_elements});
  taken.shape = shape;
  return taken;
}

enum class Turn : uint8_t { kNo, kYes };

// A low-rank factor. GGUF files leave out a rank of 1 in front.
AdapterTensor TakeFactor(std::shared_ptr<const Checkpoint> adapter, size_t index, Turn turn) {
  const std::vector<uint64_t>& stored = adapter->tensors()[index].shape;
  std::vector<uint64_t> shape;
  for (const size_t d : SqueezedDims(stored, 2)) shape.push_back(stored[d]);
  const bool is_one_row = shape.size() == 1;
  if (is_one_row) shape.insert(shape.begin(), 1);
  if (shape.size() != 2) return TakeWhole(adapter, index);
  if (turn == Turn::kYes) std::swap(shape[0], shape[1]);
  const bool is_in_order = turn == Turn::kNo || is_one_row;
  const StoredPart part = {is_in_order ? Stored::kReshaped : Stored::kTransposed, 0, 1};
  return Take(std::move(adapter), index, part, std::move(shape));
}

// --- places ---

// Where a tensor of the adapter goes in a change, and how it lies there. With A, B and W as the model has them, the
// product is B A.
struct Place {
  AdapterTensor* tensor;
  Turn turn = Turn::kNo;
};

bool IsEmbeddingPart(AdapterPart part) {
  return part == AdapterPart::kEmbeddingDown || part == AdapterPart::kEmbeddingUp;
}

// Whether the product, as stored, is the transpose of what the model's tensor gets.
bool IsTurned(AdapterPart adapter_part, const NamedPart& named) {
  return (named.part.stored == Stored::kTransposed) != IsEmbeddingPart(adapter_part);
}

// llama.cpp has the factors of the embedding as P.lora_a [V, rank] and P.lora_b [C, rank].
bool IsGgufEmbedding(const NamedPart& named) {
  return named.scheme == &GgufScheme() && named.role == SKEIN_ROLE_EMBEDDING;
}

// The place of a factor, A if `is_down`, B if not. The transpose of B A is the transpose of A times that of B.
Place PlaceOfFactor(LowRankProduct& product, bool is_down, const NamedPart& named, bool is_turned) {
  if (IsGgufEmbedding(named)) return is_down ? Place{&product.up} : Place{&product.down, Turn::kYes};
  if (is_turned) return is_down ? Place{&product.up, Turn::kYes} : Place{&product.down, Turn::kYes};
  return is_down ? Place{&product.down} : Place{&product.up};
}

Place PlaceOf(AdapterPart adapter_part, const NamedPart& named, TensorChange& change) {
  const bool is_turned = IsTurned(adapter_part, named);
  switch (adapter_part) {
    case AdapterPart::kDown:
    case AdapterPart::kEmbeddingDown:
      return PlaceOfFactor(change.trained, true, named, is_turned);
    case AdapterPart::kUp:
    case AdapterPart::kEmbeddingUp:
      return PlaceOfFactor(change.trained, false, named, is_turned);
    case AdapterPart::kInitialDown:
      return PlaceOfFactor(change.initial, true, named, is_turned);
    case AdapterPart::kInitialUp:
      return PlaceOfFactor(change.initial, false, named, is_turned);
    case AdapterPart::kMagnitude:
      return {&change.magnitude};
    case AdapterPart::kInputBlocks:
    case AdapterPart::kOutputBlocks:
      return {&change.blocks};
    case AdapterPart::kReplacement:
    case AdapterPart::kOriginal:
      break;
  }
  return {&change.replacement};
}

bool IsBlocksPart(AdapterPart part) { return part == AdapterPart::kInputBlocks || part == AdapterPart::kOutputBlocks; }

// --- the finder ---

class ChangeFinder {
 public:
  ChangeFinder(const std::string& path, std::shared_ptr<const Checkpoint> adapter, std::optional<double> scale,
               const std::optional<AdapterSettings>& settings, const ModelConfig& config,
               absl::Span<const TensorSpec> specs)
      : path_(path), adapter_(std::move(adapter)), scale_(scale), settings_(settings), config_(config), specs_(specs) {
    found_.tensors.resize(specs.size());
  }

  absl::StatusOr<AdapterChanges> Run() {
    const size_t num_tensors = adapter_->tensors().size();
    if (num_tensors == 0) return absl::InvalidArgumentError("holds no tensors; expected an adapter");
    for (size_t i = 0; i < num_tensors; ++i) SKEIN_RETURN_IF_ERROR(AddTensor(i));
    SKEIN_RETURN_IF_ERROR(CheckAllBelong());
    for (size_t i = 0; i < specs_.size(); ++i) {
      if (found_.tensors[i]) SKEIN_RETURN_IF_ERROR(Complete(specs_[i], *found_.tensors[i]));
    }
    if (found_.num_tensors > 0) return std::move(found_);
    return absl::InvalidArgumentError(absl::StrCat("changes nothing: none of its ", num_tensors, " tensors, such as \"",
                                                   EscapeText(adapter_->tensors()[0].name),
                                                   "\", is one that the model uses"));
  }

 private:
  absl::Status AddTensor(size_t index) {
    const CheckpointTensor& stored = adapter_->tensors()[index];
    const AdapterName name = SplitAdapterName(stored.name);
    const std::string module_weight = absl::StrCat(name.stem, ".weight");
    const bool may_be_module = name.part != AdapterPart::kReplacement;
    std::vector<NamedPart> parts;
    if (may_be_module) parts = FindTensor(module_weight, config_);
    if (parts.empty()) parts = FindTensor(name.stem, config_);
    if (parts.empty()) {
      const bool is_unused =
          IsUnusedTensor(name.stem, config_) || (may_be_module && IsUnusedTensor(module_weight, config_));
      if (!is_unused) strangers_.push_back(index);
      return absl::OkStatus();
    }
    SKEIN_RETURN_IF_ERROR(CheckSameAdapter(stored, name));
    if (name.part == AdapterPart::kOriginal) return absl::OkStatus();
    for (const NamedPart& part : parts) SKEIN_RETURN_IF_ERROR(AddPart(index, name, part));
    return absl::OkStatus();
  }

  // A file of several adapters would be merged as if they were one.
  absl::Status CheckSameAdapter(const CheckpointTensor& stored, const AdapterName& name) {
    if (!IsAdapterPart(name.part)) return absl::OkStatus();
    if (!adapter_name_) adapter_name_ = name.adapter;
    if (*adapter_name_ == name.adapter) return absl::OkStatus();
    return Defect(stored, absl::StrCat("belongs to the adapter \"", EscapeText(name.adapter), "\", others to \"",
                                       EscapeText(*adapter_name_), "\"; expected a file of one adapter"));
  }

  absl::Status AddPart(size_t index, const AdapterName& name, const NamedPart& named) {
    const CheckpointTensor& stored = adapter_->tensors()[index];
    const size_t changed = FindSpec(named);
    TensorChange& change = ChangeOf(changed);
    const Place place = PlaceOf(name.part, named, change);
    if (place.tensor->is_present()) return Defect(stored, "is there twice");
    if (name.part == AdapterPart::kReplacement) {
      SKEIN_RETURN_IF_ERROR(CheckReplacement(stored, named.part, specs_[changed]));
      *place.tensor = Take(adapter_, index, named.part, specs_[changed].shape);
      return absl::OkStatus();
    }
    const bool is_matrix =
        named.part.stored == Stored::kAsRole || (named.part.stored == Stored::kTransposed && !IsBlocksPart(name.part));
    if (!is_matrix) {
      return Defect(stored, absl::StrCat("\"", name.stem,
                                         "\" is stored transposed or with others in one tensor; expected a projection "
                                         "or a vector"));
    }
    if (name.part == AdapterPart::kOutputBlocks) change.block_order = BlockOrder::kByOutput;
    if (name.part == AdapterPart::kMagnitude) {
      change.magnitude_is_of_columns = named.role == SKEIN_ROLE_EMBEDDING || named.part.stored == Stored::kTransposed;
    }
    const bool is_whole = IsBlocksPart(name.part) || name.part == AdapterPart::kMagnitude;
    *place.tensor = is_whole ? TakeWhole(adapter_, index) : TakeFactor(adapter_, index, place.turn);
    return absl::OkStatus();
  }

  static absl::Status CheckReplacement(const CheckpointTensor& stored, const StoredPart& part, const TensorSpec& spec) {
    uint64_t expected = 0;
    uint64_t found = 0;
    NumElements(spec.shape, &expected);  // both fit: the tensors are there
    NumElements(stored.shape, &found);
    expected *= part.num_parts;
    if (found == expected) return absl::OkStatus();
    return Defect(stored,
                  absl::StrCat("expected ", expected, " elements as the model's own tensor has, found ", found));
  }

  TensorChange& ChangeOf(size_t index) {
    std::optional<TensorChange>& change = found_.tensors[index];
    if (!change) change = {.path = path_, .scale = scale_.value_or(1)};
    return *change;
  }

  // The index of a tensor that the model has.
  size_t FindSpec(const NamedPart& named) const {
    const auto found = std::find_if(specs_.begin(), specs_.end(), [&](const TensorSpec& spec) {
      return spec.role == named.role && spec.layer == named.layer;
    });
    return static_cast<size_t>(found - specs_.begin());
  }

  // Refuses a file with tensors that mean nothing here: what they were to do would be missing silently.
  absl::Status CheckAllBelong() const {
    if (strangers_.empty()) return absl::OkStatus();
    const absl::Span<const CheckpointTensor> tensors = adapter_->tensors();
    uint32_t layer;
    if (ParseStateName(tensors[strangers_[0]].name, &layer)) {
      return Defect(tensors[strangers_[0]], "a tuned state, which is no adapter; give its file as the option state");
    }
    std::vector<std::string> names;
    for (size_t i = 0; i < std::min(strangers_.size(), kMaxShownNames); ++i) {
      names.push_back(absl::StrCat("\"", EscapeText(tensors[strangers_[i]].name), "\""));
    }
    if (strangers_.size() > kMaxShownNames) names.emplace_back("...");
    return absl::InvalidArgumentError(absl::StrCat(
        strangers_.size() == tensors.size() ? "none" : absl::StrCat(tensors.size() - strangers_.size()), " of its ",
        tensors.size(), " tensors belong to the model, which is ", config_.VersionName(), " with ", config_.num_layers,
        " layers: found ", absl::StrJoin(names, ", "), "; expected ", kReadNames));
  }

  // Checks a change that has all its parts, and gives it its scale.
  absl::Status Complete(const TensorSpec& spec, TensorChange& change) {
    SKEIN_RETURN_IF_ERROR(CheckChange(spec, change));
    ++found_.num_tensors;
    if (change.initial.down.is_present()) found_.has_initial_products = true;
    if (change.blocks.is_present()) {
      SKEIN_RETURN_IF_ERROR(CheckRank(change.blocks, change.blocks.shape[change.blocks.shape.size() == 2 ? 0 : 1]));
    }
    if (change.trained.down.is_present()) {
      const uint64_t rank = change.trained.down.shape[0];
      SKEIN_RETURN_IF_ERROR(CheckRank(change.trained.down, rank));
      if (settings_ && settings_->has_magnitudes && !change.magnitude.is_present()) {
        return absl::InvalidArgumentError(absl::StrCat("tensor \"", EscapeText(change.trained.down.name),
                                                       "\": expected its lora_magnitude_vector beside it, as ",
                                                       settings_->source, " says use_dora; found none"));
      }
      SetScale(rank, change);
    }
    return absl::OkStatus();
  }

  absl::Status CheckRank(const AdapterTensor& tensor, uint64_t rank) const {
    if (!settings_) return absl::OkStatus();
    const absl::Status status = settings_->CheckRank(SplitAdapterName(tensor.name).stem, rank);
    return status.ok() ? status : Annotate(status, absl::StrCat("tensor \"", EscapeText(tensor.name), "\""));
  }

  void SetScale(uint64_t rank, TensorChange& change) {
    const std::string module = SplitAdapterName(change.trained.down.name).stem;
    const bool is_said = settings_ && settings_->has_scale();
    if (!scale_ && is_said) change.scale = settings_->ScaleOf(module, rank);
    if (!scale_ && !is_said && found_.unscaled_rank == 0) found_.unscaled_rank = rank;
    if (found_.num_products++ == 0) {
      found_.min_scale = found_.max_scale = change.scale;
      if (scale_) found_.scale_text = "as given";
      if (!scale_ && is_said)
        found_.scale_text = absl::StrCat(settings_->ScaleText(module, rank), " in ", settings_->source);
    }
    found_.min_scale = std::min(found_.min_scale, change.scale);
    found_.max_scale = std::max(found_.max_scale, change.scale);
  }

  const std::string& path_;
  const std::shared_ptr<const Checkpoint> adapter_;
  const std::optional<double> scale_;
  const std::optional<AdapterSettings>& settings_;
  const ModelConfig& config_;
  const absl::Span<const TensorSpec> specs_;
  AdapterChanges found_;
  std::optional<std::string> adapter_name_;  // that PEFT gave it; of the first tensor that has a part
  std::vector<size_t> strangers_;            // tensors that mean nothing to the model
};

}  // namespace

absl::StatusOr<AdapterChanges> FindChanges(const std::string& path, std::shared_ptr<const Checkpoint> adapter,
                                           std::optional<double> scale, const std::optional<AdapterSettings>& settings,
                                           const ModelConfig& config, absl::Span<const TensorSpec> specs) {
  return ChangeFinder(path, std::move(adapter), scale, settings, config, specs).Run();
}

}  // namespace skein
