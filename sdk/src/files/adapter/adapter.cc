#include "files/adapter/adapter.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "files/checkpoint/checkpoint_part.h"
#include "files/naming/naming.h"
#include "files/naming/tensor_name.h"
#include "files/naming/stored_part.h"
#include "model/adapted_weights.h"
#include "model/tensor.h"

namespace skein {
namespace {

constexpr double kMaxScale = 1000;  // trainers use a few units at most

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

// Cuts the suffix off an adapter's name, so that the name of the changed tensor remains.
Part CutSuffix(absl::string_view* name) {
  for (const Suffix& suffix : kSuffixes) {
    if (!absl::EndsWith(*name, suffix.text)) continue;
    name->remove_suffix(suffix.text.size());
    return suffix.part;
  }
  return Part::kReplacement;
}

// The value residual of layer 0 in RWKV-7: trainers write it, no engine uses it.
bool IsUnused(absl::string_view name, const ModelConfig& config) {
  return config.generation == 7 &&
         (name == "blocks.0.att.v0" || name == "blocks.0.att.v1" || name == "blocks.0.att.v2");
}

absl::Status Defect(const CheckpointTensor& tensor, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("tensor \"", tensor.name, "\" ", ShapeText(tensor.shape), ": ", what));
}

// All values of tensor `index`, in `shape`; `part` says how they lie.
AdapterTensor Take(std::shared_ptr<const Checkpoint> checkpoint, size_t index, StoredPart part,
                   std::vector<uint64_t> shape) {
  const CheckpointTensor& tensor = checkpoint->tensors()[index];
  AdapterTensor taken = {.name = tensor.name, .shape = shape};
  taken.read = [checkpoint = std::move(checkpoint), index, part, shape = std::move(shape)](float* values) {
    return ReadPart(*checkpoint, index, part, shape, values);
  };
  return taken;
}

// The whole of tensor `index` in its own shape. One of three dimensions is read as a matrix of all its rows.
AdapterTensor TakeWhole(std::shared_ptr<const Checkpoint> checkpoint, size_t index) {
  const std::vector<uint64_t>& shape = checkpoint->tensors()[index].shape;
  if (shape.size() <= 2) return Take(std::move(checkpoint), index, {Stored::kAsRole}, shape);
  uint64_t num_elements = 0;
  NumElements(shape, &num_elements);  // fits: the tensor is there
  const uint64_t num_columns = shape.back();
  AdapterTensor taken =
      Take(checkpoint, index, {Stored::kReshaped}, {num_columns == 0 ? 0 : num_elements / num_columns, num_columns});
  taken.shape = shape;
  return taken;
}

// Finds the changes that one adapter makes to the tensors of a model.
class ChangeFinder {
 public:
  ChangeFinder(const AdapterSource& source, std::shared_ptr<const Checkpoint> checkpoint, const ModelConfig& config,
               absl::Span<const TensorSpec> specs)
      : source_(source), checkpoint_(std::move(checkpoint)), config_(config), specs_(specs), changes_(specs.size()) {}

  // Appends the changes to `changes`, which is parallel to the model's tensors.
  absl::Status AppendTo(std::vector<std::vector<TensorChange>>* changes) {
    const size_t num_tensors = checkpoint_->tensors().size();
    if (num_tensors == 0) return absl::InvalidArgumentError("holds no tensors; expected an adapter");
    for (size_t i = 0; i < num_tensors; ++i) SKEIN_RETURN_IF_ERROR(AddTensor(i));
    for (size_t i = 0; i < specs_.size(); ++i) {
      if (!changes_[i]) continue;
      SKEIN_RETURN_IF_ERROR(CheckChange(specs_[i], *changes_[i]));
      (*changes)[i].push_back(*std::move(changes_[i]));
    }
    return absl::OkStatus();
  }

 private:
  // The place in the model that a tensor of the adapter changes, and how.
  struct Target {
    Part part = Part::kReplacement;
    absl::string_view stem;  // the name without its suffix
    std::vector<AuthorPart> tensors;
  };

  absl::StatusOr<Target> FindTarget(const CheckpointTensor& stored) const {
    Target target;
    target.stem = stored.name;
    target.part = CutSuffix(&target.stem);
    if (target.part != Part::kReplacement) {
      target.tensors = FindAuthorTensor(absl::StrCat(target.stem, ".weight"), config_);
    }
    if (target.tensors.empty()) target.tensors = FindAuthorTensor(target.stem, config_);
    if (!target.tensors.empty() || IsUnused(target.stem, config_)) return target;
    uint32_t layer;
    if (ParseAuthorStateName(stored.name, &layer)) {
      return Defect(stored, "a tuned state, which is no adapter; give its file as the option state");
    }
    return Defect(stored, absl::StrCat("expected a tensor of the model, which is ", config_.VersionName(), " with ",
                                       config_.num_layers,
                                       " layers, or one that changes such a tensor (P.lora_A, P.lora_B, "
                                       "P.init_lora_A, P.init_lora_B, P.disha, P.bone)"));
  }

  absl::Status AddTensor(size_t index) {
    const CheckpointTensor& stored = checkpoint_->tensors()[index];
    SKEIN_ASSIGN_OR_RETURN(const Target target, FindTarget(stored));
    for (const AuthorPart& author : target.tensors) {
      const size_t changed = FindSpec(author.role, author.layer);
      AdapterTensor& place = PlaceIn(ChangeOf(changed), target.part);
      if (place.is_present()) return Defect(stored, "is there twice");
      if (target.part == Part::kReplacement) {
        SKEIN_RETURN_IF_ERROR(CheckReplacement(stored, author.part, specs_[changed]));
        place = Take(checkpoint_, index, author.part, specs_[changed].shape);
      } else if (author.part.stored == Stored::kAsRole) {
        place = TakeWhole(checkpoint_, index);
      } else {
        return Defect(stored, absl::StrCat("\"", target.stem,
                                           "\" is stored transposed or with others in one tensor; expected a "
                                           "projection or a vector"));
      }
    }
    return absl::OkStatus();
  }

  static AdapterTensor& PlaceIn(TensorChange& change, Part part) {
    switch (part) {
      case Part::kDown:
        return change.trained.down;
      case Part::kUp:
        return change.trained.up;
      case Part::kInitialDown:
        return change.initial.down;
      case Part::kInitialUp:
        return change.initial.up;
      case Part::kBlocks:
        return change.blocks;
      case Part::kReplacement:
        break;
    }
    return change.replacement;
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
    if (!changes_[index]) changes_[index] = {.path = source_.path, .scale = source_.scale};
    return *changes_[index];
  }

  // The index of a tensor that the model has.
  size_t FindSpec(uint32_t role, uint32_t layer) const {
    const auto found = std::find_if(specs_.begin(), specs_.end(),
                                    [&](const TensorSpec& spec) { return spec.role == role && spec.layer == layer; });
    return static_cast<size_t>(found - specs_.begin());
  }

  const AdapterSource& source_;
  const std::shared_ptr<const Checkpoint> checkpoint_;
  const ModelConfig& config_;
  const absl::Span<const TensorSpec> specs_;
  std::vector<std::optional<TensorChange>> changes_;  // parallel to specs_
};

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

absl::Status MergeAdapters(absl::Span<const Plugin<skein_format_table>> formats, const skein_host& host,
                           absl::Span<const AdapterSource> adapters, FileAccess access, ModelContents* model) {
  const absl::Span<const TensorSpec> specs = model->weights->tensors();
  std::vector<std::vector<TensorChange>> changes(specs.size());
  for (const AdapterSource& source : adapters) {
    SKEIN_ASSIGN_OR_RETURN(std::unique_ptr<File> file, File::Open(source.path, access));
    SKEIN_ASSIGN_OR_RETURN(std::shared_ptr<const Checkpoint> checkpoint,
                           Checkpoint::Open(formats, host, std::move(file)));
    ChangeFinder finder(source, std::move(checkpoint), model->config, specs);
    SKEIN_RETURN_IF_ERROR(Annotate(finder.AppendTo(&changes), source.path));
  }
  model->weights = AdaptWeights(host, std::move(model->weights), model->path, std::move(changes));
  model->fingerprint.clear();
  return absl::OkStatus();
}

}  // namespace skein
