#include "files/naming/naming.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <unordered_set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "files/naming/layer_name.h"
#include "files/naming/recognise.h"
#include "model/tensor.h"
#include "numbers/roles.h"
#include "skein/backend.h"

namespace skein {
namespace {

// A dimension of the model, and the role whose stored shape defines it.
struct DimSource {
  Dim dim;
  uint32_t role;
  size_t role_dim;  // which dimension of the role it is
  uint32_t layer;
  uint32_t ModelConfig::*field;
  VersionSet versions;
};

constexpr DimSource kDimSources[] = {
    {Dim::kVocab, SKEIN_ROLE_EMBEDDING, 0, 0, &ModelConfig::vocab_size, kAllVersions},
    {Dim::kModel, SKEIN_ROLE_EMBEDDING, 1, 0, &ModelConfig::d_model, kAllVersions},
    {Dim::kAtt, SKEIN_ROLE_TIME_KEY, 0, 0, &ModelConfig::d_att, kAllVersions & ~kV7},
    {Dim::kAtt, SKEIN_ROLE_EMBEDDING, 1, 0, &ModelConfig::d_att, kV7},  // C by definition
    {Dim::kFfn, SKEIN_ROLE_CHANNEL_KEY, 0, 0, &ModelConfig::d_ffn, kAllVersions},
    {Dim::kHeads, SKEIN_ROLE_V5_DECAY, 0, 0, &ModelConfig::num_heads, kV5},
    {Dim::kHeads, SKEIN_ROLE_V5_BONUS, 0, 0, &ModelConfig::num_heads, kV6},
    {Dim::kHeads, SKEIN_ROLE_V7_BONUS, 0, 0, &ModelConfig::num_heads, kV7},
    {Dim::kHeadSize, SKEIN_ROLE_V5_BONUS, 1, 0, &ModelConfig::head_size, kV52 | kV6},
    {Dim::kHeadSize, SKEIN_ROLE_V7_BONUS, 1, 0, &ModelConfig::head_size, kV7},
    {Dim::kRankMix, SKEIN_ROLE_V6_MIX_UP_W, 1, 0, &ModelConfig::rank_mix, kV6},
    {Dim::kRankDecay, SKEIN_ROLE_V6_DECAY_DOWN, 0, 0, &ModelConfig::rank_decay, kV6},
    {Dim::kRankDecay, SKEIN_ROLE_V7_DECAY_DOWN, 0, 0, &ModelConfig::rank_decay, kV7},
    {Dim::kRankIclr, SKEIN_ROLE_V7_ICLR_DOWN, 0, 0, &ModelConfig::rank_iclr, kV7},
    // Layer 0 has no value residual, or one that nothing uses.
    {Dim::kRankValue, SKEIN_ROLE_V7_VALUE_DOWN, 0, 1, &ModelConfig::rank_value, kV7},
    {Dim::kRankGate, SKEIN_ROLE_V7_GATE_DOWN, 0, 0, &ModelConfig::rank_gate, kV7},
};

// Some files hold the outputs of later layers divided by powers of 2, so that float16 does not overflow.
constexpr absl::string_view kRescaleKey = "skein.rescale_every";
constexpr uint32_t kRescaledRoles[] = {SKEIN_ROLE_TIME_OUTPUT, SKEIN_ROLE_CHANNEL_VALUE};
constexpr uint32_t kMaxRescaleExponent = 64;

// The size of dimension `d` of a role in a stored tensor. `sizes` are the tensor's dimensions after SqueezedDims.
uint64_t StoredSize(const StoredPart& part, absl::Span<const uint64_t> sizes, size_t d) {
  switch (part.stored) {
    case Stored::kAsRole:
    case Stored::kReshaped:
      return sizes[d];
    case Stored::kTransposed:
      return sizes[1 - d];
    case Stored::kRow:
      return sizes[1 + d];
    case Stored::kTransposedRow:
      return sizes[2 - d];
    case Stored::kRows:
      return d == 0 ? sizes[0] / part.num_parts : sizes[1];
    case Stored::kColumns:
      return d == 0 ? sizes[1] / part.num_parts : sizes[0];
  }
  return 0;
}

// Finds the tensors of one checkpoint under one scheme.
class Namer {
 public:
  Namer(const Recognised& recognised, const NameIndex& names, const NamedShape* first,
        absl::Span<const ContainerText> texts)
      : scheme_(*recognised.scheme), version_(recognised.version), names_(names), first_(first), texts_(texts) {}

  absl::StatusOr<NamedModel> Run(ConfigTies config_ties_head) {
    NamedModel model;
    model.scheme = &scheme_;
    SKEIN_ASSIGN_OR_RETURN(ties_head_, IsHeadTied(config_ties_head));
    SetVersion(version_, &model.config);
    version_name_ = model.config.VersionName();
    model.config.num_layers = CountLayers();
    SKEIN_RETURN_IF_ERROR(ReadDims(&model.config));
    SKEIN_RETURN_IF_ERROR(model.config.Validate());
    for (const ExpectedTensor& expected : ExpectedTensors(model.config)) {
      SKEIN_ASSIGN_OR_RETURN(TensorLocation location, Locate(*expected.role, expected.layer));
      location.shape = RoleShape(*expected.role, model.config);
      SKEIN_RETURN_IF_ERROR(CheckShape(*expected.role, location));
      model.tensors.push_back(std::move(location));
    }
    SKEIN_RETURN_IF_ERROR(UndoRescale(&model.tensors));
    SKEIN_RETURN_IF_ERROR(LocateState(&model));
    SKEIN_RETURN_IF_ERROR(CheckNothingIsLeft(model));
    return model;
  }

 private:
  // Whether the file has no head of its own, and none is needed.
  absl::StatusOr<bool> IsHeadTied(ConfigTies config_ties_head) const {
    const RoleName* head = NameOf(SKEIN_ROLE_HEAD, 0);
    if (head == nullptr || names_.contains(StoredName(scheme_, *head, 0))) return false;
    if (scheme_.ties_missing_head || !scheme_.has_config_file) return scheme_.ties_missing_head;
    return config_ties_head();
  }

  uint32_t CountLayers() const {
    uint32_t num_layers = 0;
    for (const auto& [name, tensor] : names_) {
      uint32_t layer;
      absl::string_view rest;
      if (SplitLayerName(scheme_.layers, name, &layer, &rest)) num_layers = std::max(num_layers, layer + 1);
    }
    return num_layers;
  }

  // The name of a role in this file: the first of its names that the file has, else the first. nullptr: the scheme has
  // no name for it.
  const RoleName* NameOf(uint32_t role, uint32_t layer) const {
    const RoleName* first = nullptr;
    for (const RoleName& name : scheme_.roles) {
      if (name.role != role || (name.versions & version_) == 0) continue;
      if (names_.contains(StoredName(scheme_, name, layer))) return &name;
      if (first == nullptr) first = &name;
    }
    return first;
  }

  const NamedShape& At(const TensorLocation& location) const { return first_[location.index]; }

  // The stored tensor's dimensions after SqueezedDims. A reshaped tensor keeps all.
  std::vector<uint64_t> StoredSizes(const TensorLocation& location, const RoleInfo& role) const {
    const std::vector<uint64_t>& shape = At(location).shape;
    if (location.part.stored == Stored::kReshaped) return shape;
    std::vector<uint64_t> sizes;
    for (const size_t d : SqueezedDims(shape, NumStoredDims(location.part, role))) sizes.push_back(shape[d]);
    return sizes;
  }

  static size_t NumStoredDims(const StoredPart& part, const RoleInfo& role) {
    const size_t role_dims = role.dims[1] == Dim::kNone ? 1 : 2;
    const bool in_stack = part.stored == Stored::kRow || part.stored == Stored::kTransposedRow;
    return role_dims + (in_stack ? 1 : 0);
  }

  // The location of a role, but for its shape. Checks the number of dimensions only.
  absl::StatusOr<TensorLocation> Locate(const RoleInfo& role, uint32_t layer) const {
    const bool is_tied = ties_head_ && role.role == SKEIN_ROLE_HEAD;
    const RoleName* name = NameOf(is_tied ? uint32_t{SKEIN_ROLE_EMBEDDING} : role.role, layer);
    if (name == nullptr) {
      return absl::UnimplementedError(absl::StrCat(version_name_, " in the names of ", scheme_.name,
                                                   " is not supported: there is no known name for ",
                                                   TensorName(role.role, layer)));
    }
    const std::string stored_name = StoredName(scheme_, *name, layer);
    const auto found = names_.find(stored_name);
    if (found == names_.end()) {
      return absl::InvalidArgumentError(absl::StrCat("tensor \"", stored_name, "\" is missing; an ", version_name_,
                                                     " model has it",
                                                     role.role == SKEIN_ROLE_HEAD && scheme_.has_config_file
                                                         ? ", unless config.json has \"tie_word_embeddings\": true"
                                                         : ""));
    }
    TensorLocation location;
    location.role = role.role;
    location.layer = layer;
    location.index = static_cast<size_t>(found->second - first_);
    location.part = name->part;
    location.map.function = name->function;
    const size_t wanted = NumStoredDims(name->part, role);
    if (name->part.stored != Stored::kReshaped && StoredSizes(location, role).size() != wanted) {
      return absl::InvalidArgumentError(absl::StrCat("tensor \"", stored_name, "\": expected ", wanted,
                                                     wanted == 1 ? " dimension" : " dimensions", ", found ",
                                                     ShapeText(found->second->shape)));
    }
    return location;
  }

  absl::Status ReadDims(ModelConfig* config) const {
    for (const DimSource& source : kDimSources) {
      if ((source.versions & version_) == 0 || source.layer >= config->num_layers) continue;
      const RoleInfo& role = *FindRole(source.role, *config);
      SKEIN_ASSIGN_OR_RETURN(const TensorLocation location, Locate(role, source.layer));
      // A tensor that is stored flat does not tell the number of heads.
      if (location.part.stored == Stored::kReshaped) {
        SKEIN_RETURN_IF_ERROR(ReadHeadsFromText(config));
        continue;
      }
      const uint64_t size = StoredSize(location.part, StoredSizes(location, role), source.role_dim);
      if (size == 0 || size > UINT32_MAX) {
        return absl::InvalidArgumentError(absl::StrCat("tensor \"", At(location).name, "\": ", DimName(source.dim),
                                                       " is ", size, " in ", ShapeText(At(location).shape)));
      }
      config->*source.field = static_cast<uint32_t>(size);
    }
    return CheckHeads(config);
  }

  absl::Status ReadHeadsFromText(ModelConfig* config) const {
    const auto text = scheme_.head_size_key == nullptr ? std::nullopt : FindText(texts_, scheme_.head_size_key);
    uint32_t head_size = 0;
    if (!text.has_value() || !absl::SimpleAtoi(*text, &head_size) || head_size == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("metadata \"", scheme_.head_size_key == nullptr ? "" : scheme_.head_size_key,
                       "\": expected the head size, which no shape tells, found ",
                       text.has_value() ? absl::StrCat("\"", text->substr(0, 32), "\"") : "nothing"));
    }
    config->head_size = head_size;
    config->num_heads = config->d_att / head_size;
    return absl::OkStatus();
  }

  // Versions 5.0 and 5.1 have no tensor with a head's size.
  absl::Status CheckHeads(ModelConfig* config) const {
    if (version_ == kV4) return absl::OkStatus();
    if (config->head_size == 0 && config->num_heads > 0) config->head_size = config->d_att / config->num_heads;
    const uint64_t width = uint64_t{config->num_heads} * config->head_size;
    if (width == config->d_att) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("expected H * N to be A ", config->d_att, " of ",
                                                   SourceText(Dim::kAtt), ", found ", config->num_heads, " * ",
                                                   config->head_size, " = ", width, " of ", SourceText(Dim::kHeads)));
  }

  // The tensor that defines a dimension, for messages: `"emb.weight" [256, 64] (C)`.
  std::string SourceText(Dim dim) const {
    for (const DimSource& source : kDimSources) {
      if (source.dim != dim || (source.versions & version_) == 0) continue;
      const RoleName* name = NameOf(source.role, source.layer);
      const auto found = name == nullptr ? names_.end() : names_.find(StoredName(scheme_, *name, source.layer));
      if (found == names_.end()) continue;
      return absl::StrCat("\"", found->second->name, "\" ", ShapeText(found->second->shape), " (", DimName(dim), ")");
    }
    return "";
  }

  std::string SourcesText(const RoleInfo& role) const {
    std::string text;
    for (const Dim dim : role.dims) {
      const std::string source = SourceText(dim);
      if (source.empty() || absl::StrContains(text, source)) continue;
      absl::StrAppend(&text, text.empty() ? "" : " and ", source);
    }
    return text;
  }

  absl::Status CheckShape(const RoleInfo& role, const TensorLocation& location) const {
    const NamedShape& tensor = At(location);
    std::string expected_text;
    if (location.part.stored == Stored::kReshaped) {
      uint64_t expected = 0;
      uint64_t found = 0;
      NumElements(location.shape, &expected);  // fits: the config is valid
      if (NumElements(tensor.shape, &found) && found == expected) return absl::OkStatus();
      expected_text = absl::StrCat(expected, " elements");
    } else {
      const std::vector<uint64_t> expected = StoredShape(location.part, location.shape);
      if (StoredSizes(location, role) == expected) return absl::OkStatus();
      expected_text = ShapeText(expected);
    }
    return absl::InvalidArgumentError(absl::StrCat("tensor \"", tensor.name, "\": expected ", expected_text, " as ",
                                                   SourcesText(role), " would have it, found ",
                                                   ShapeText(tensor.shape)));
  }

  absl::Status UndoRescale(std::vector<TensorLocation>* tensors) const {
    const auto text = FindText(texts_, kRescaleKey);
    if (!text.has_value()) return absl::OkStatus();
    uint32_t every = 0;
    if (!absl::SimpleAtoi(*text, &every)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "metadata \"", kRescaleKey, "\": expected a number of layers, found \"", text->substr(0, 32), "\""));
    }
    if (every == 0) return absl::OkStatus();
    for (TensorLocation& location : *tensors) {
      if (std::find(std::begin(kRescaledRoles), std::end(kRescaledRoles), location.role) == std::end(kRescaledRoles)) {
        continue;
      }
      const uint32_t exponent = location.layer / every;
      if (exponent > kMaxRescaleExponent) {
        return absl::InvalidArgumentError(absl::StrCat("metadata \"", kRescaleKey, "\" ", every, ": layer ",
                                                       location.layer, " would be divided by 2^", exponent,
                                                       "; expected at most 2^", kMaxRescaleExponent));
      }
      for (uint32_t i = 0; i < exponent; ++i) location.map.factor *= 2;
    }
    return absl::OkStatus();
  }

  std::string StateName(uint32_t layer) const { return absl::StrCat(scheme_.layers, layer, ".", scheme_.state); }

  // Finds the tensors of a tuned state, which is in every layer or in none.
  absl::Status LocateState(NamedModel* model) const {
    const ModelConfig& config = model->config;
    if (scheme_.state == nullptr || version_ == kV4) return absl::OkStatus();
    const std::vector<uint64_t> expected = {config.num_heads, config.head_size, config.head_size};
    std::string missing;
    for (uint32_t layer = 0; layer < config.num_layers; ++layer) {
      const auto found = names_.find(StateName(layer));
      if (found == names_.end()) {
        if (missing.empty()) missing = StateName(layer);
        continue;
      }
      std::vector<uint64_t> sizes;
      for (const size_t d : SqueezedDims(found->second->shape, 3)) sizes.push_back(found->second->shape[d]);
      if (sizes != expected) {
        return absl::InvalidArgumentError(absl::StrCat("tensor \"", found->second->name, "\": expected ",
                                                       ShapeText(expected), " as ", SourceText(Dim::kHeads),
                                                       " would have it, found ", ShapeText(found->second->shape)));
      }
      model->state_tensors.push_back(static_cast<size_t>(found->second - first_));
    }
    if (model->state_tensors.empty() || missing.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("tensor \"", missing, "\" is missing; other layers have theirs, \"",
                                                   first_[model->state_tensors[0]].name, "\""));
  }

  // Whether the tensor is in a layer too early for its role: some files have a value residual in layer 0, which no
  // engine uses.
  bool IsUnused(absl::string_view name) const {
    uint32_t layer;
    absl::string_view rest;
    if (!SplitLayerName(scheme_.layers, name, &layer, &rest)) return false;
    return std::any_of(scheme_.roles.begin(), scheme_.roles.end(), [&](const RoleName& role_name) {
      const RoleInfo& role = *FindRole(role_name.role);
      return rest == role_name.name && (role.versions & version_) != 0 && layer < role.first_layer;
    });
  }

  // Refuses a file with further tensors: one that is not read might change the meaning of the model silently.
  absl::Status CheckNothingIsLeft(const NamedModel& model) const {
    std::unordered_set<size_t> used(model.state_tensors.begin(), model.state_tensors.end());
    for (const TensorLocation& location : model.tensors) used.insert(location.index);
    const NamedShape* superfluous = nullptr;
    for (const auto& [name, tensor] : names_) {
      if (used.contains(static_cast<size_t>(tensor - first_)) || IsUnused(name)) continue;
      if (superfluous == nullptr || tensor < superfluous) superfluous = tensor;
    }
    if (superfluous == nullptr) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("tensor \"", superfluous->name, "\" ", ShapeText(superfluous->shape),
                                                   ": an ", version_name_, " model in the names of ", scheme_.name,
                                                   " has no such tensor"));
  }

  const NamingScheme& scheme_;
  const VersionSet version_;
  const NameIndex& names_;
  const NamedShape* const first_;
  const absl::Span<const ContainerText> texts_;
  std::string version_name_;
  bool ties_head_ = false;
};

// Where a scheme's prefix of layers begins in `name`; npos: nowhere. The longer prefixes come first, as "blocks." is in
// "rwkv.blocks.".
size_t FindLayers(const std::string& name) {
  for (const NamingScheme& (*scheme)() : {HuggingFaceScheme, FlaScheme, BlinkDlScheme}) {
    const size_t at = name.find(scheme().layers);
    if (at != std::string::npos) return at;
  }
  return std::string::npos;
}

}  // namespace

absl::StatusOr<bool> NothingTiesHead() { return false; }

absl::StatusOr<NamedModel> NameTensors(absl::Span<const NamedShape> tensors, absl::Span<const ContainerText> texts,
                                       ConfigTies config_ties_head) {
  const std::string wrapper = FindWrapper(tensors);
  NameIndex names;
  for (const NamedShape& tensor : tensors) {
    const absl::string_view name = absl::StripPrefix(tensor.name, wrapper);
    if (!names.emplace(name, &tensor).second) {
      return absl::InvalidArgumentError(absl::StrCat("tensor \"", tensor.name, "\" is there twice"));
    }
  }
  SKEIN_ASSIGN_OR_RETURN(const Recognised recognised, Recognise(names, texts));
  return Namer(recognised, names, tensors.data(), texts).Run(config_ties_head);
}

std::string FindWrapper(absl::Span<const NamedShape> tensors) {
  for (const NamedShape& tensor : tensors) {
    const size_t at = FindLayers(tensor.name);
    if (at == std::string::npos) continue;
    const std::string wrapper = tensor.name.substr(0, at);
    const bool in_front_of_all = std::all_of(
        tensors.begin(), tensors.end(), [&](const NamedShape& other) { return absl::StartsWith(other.name, wrapper); });
    return in_front_of_all ? wrapper : "";
  }
  return "";
}

}  // namespace skein
