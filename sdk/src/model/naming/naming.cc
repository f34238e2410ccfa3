#include "model/naming/naming.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "model/naming/generation.h"
#include "model/naming/scheme.h"
#include "model/roles.h"
#include "model/tensor.h"
#include "skein/backend.h"

namespace skein {
namespace {

constexpr absl::string_view kEmbedding = "emb.weight";
constexpr absl::string_view kBlocks = "blocks.";
constexpr uint64_t kMaxLayerIndex = 1 << 20;  // far beyond what ModelConfig allows; keeps 1 + index in range

// The role whose stored shape defines a dimension.
struct DimSource {
  Dim dim;
  uint32_t role;
  uint32_t layer;
  uint32_t ModelConfig::*field;
};

constexpr DimSource kDimSources[] = {
    {Dim::kVocab, SKEIN_ROLE_EMBEDDING, 0, &ModelConfig::vocab_size},
    {Dim::kModel, SKEIN_ROLE_EMBEDDING, 0, &ModelConfig::d_model},
    {Dim::kFfn, SKEIN_ROLE_CHANNEL_KEY, 0, &ModelConfig::d_ffn},
    {Dim::kHeads, SKEIN_ROLE_V7_BONUS, 0, &ModelConfig::num_heads},
    {Dim::kHeadSize, SKEIN_ROLE_V7_BONUS, 0, &ModelConfig::head_size},
    {Dim::kRankDecay, SKEIN_ROLE_V7_DECAY_DOWN, 0, &ModelConfig::rank_decay},
    {Dim::kRankIclr, SKEIN_ROLE_V7_ICLR_DOWN, 0, &ModelConfig::rank_iclr},
    {Dim::kRankValue, SKEIN_ROLE_V7_VALUE_DOWN, 1, &ModelConfig::rank_value},  // layer 0 has none, or one to ignore
    {Dim::kRankGate, SKEIN_ROLE_V7_GATE_DOWN, 0, &ModelConfig::rank_gate},
};

// A wrapper such as "_forward_module." in front of all names: what stands before the embedding's name, if the layers
// have it too.
std::string FindPrefix(absl::Span<const NamedShape> tensors) {
  absl::flat_hash_set<std::string> names;
  for (const NamedShape& tensor : tensors) names.insert(tensor.name);
  for (const NamedShape& tensor : tensors) {
    absl::string_view name = tensor.name;
    if (!absl::ConsumeSuffix(&name, kEmbedding) || !absl::EndsWith(name, ".")) continue;
    if (names.contains(absl::StrCat(name, "blocks.0.ln1.weight"))) return absl::StrCat(name);
  }
  return "";
}

// Splits "blocks.12.att.key.weight" at the layer; false if the name is none of a layer.
bool ParseLayerName(absl::string_view name, uint32_t* layer, absl::string_view* rest) {
  if (!absl::ConsumePrefix(&name, kBlocks)) return false;
  const size_t dot = name.find('.');
  if (dot == absl::string_view::npos || dot == 0 || dot > 7) return false;
  const absl::string_view digits = name.substr(0, dot);
  if (!std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; })) return false;
  if (!absl::SimpleAtoi(digits, layer) || *layer > kMaxLayerIndex) return false;
  *rest = name.substr(dot + 1);
  return true;
}

uint32_t CountLayers(const NameIndex& names) {
  uint32_t num_layers = 0;
  for (const auto& [name, tensor] : names) {
    uint32_t layer;
    absl::string_view rest;
    if (ParseLayerName(name, &layer, &rest)) num_layers = std::max(num_layers, layer + 1);
  }
  return num_layers;
}

std::string StoredName(const RoleInfo& role, const RoleName& name, uint32_t layer) {
  return role.per_layer ? absl::StrCat(kBlocks, layer, ".", name.name) : name.name;
}

// Drops dimensions of size 1, from the front, until `wanted` remain: [1, 1, C] is a vector, but [1, N] stays a matrix
// of one row.
std::vector<size_t> Squeeze(absl::Span<const uint64_t> shape, size_t wanted) {
  size_t surplus = shape.size() > wanted ? shape.size() - wanted : 0;
  std::vector<size_t> kept;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (surplus > 0 && shape[i] == 1) {
      --surplus;
    } else {
      kept.push_back(i);
    }
  }
  return kept;
}

// Finds the tensors of one checkpoint under one scheme.
class Namer {
 public:
  Namer(const NamingScheme& scheme, const NameIndex& names, const NamedShape* first)
      : scheme_(scheme), names_(names), first_(first) {}

  absl::StatusOr<NamedModel> Run() {
    NamedModel model;
    model.scheme = scheme_.name;
    model.config.num_layers = CountLayers(names_);
    SKEIN_RETURN_IF_ERROR(ReadDims(&model.config));
    SKEIN_RETURN_IF_ERROR(model.config.Validate());
    for (const ExpectedTensor& expected : ExpectedTensors(model.config)) {
      SKEIN_ASSIGN_OR_RETURN(TensorLocation location, Locate(*expected.role, expected.layer));
      location.shape = RoleShape(*expected.role, model.config);
      SKEIN_RETURN_IF_ERROR(CheckShape(*expected.role, expected.layer, location, model.config));
      model.tensors.push_back(std::move(location));
    }
    SKEIN_RETURN_IF_ERROR(CheckNothingIsLeft(model));
    return model;
  }

 private:
  const RoleName& NameOf(uint32_t role) const {
    return *std::find_if(scheme_.roles.begin(), scheme_.roles.end(), [&](const RoleName& r) { return r.role == role; });
  }

  const NamedShape& At(const TensorLocation& location) const { return first_[location.index]; }

  // The location of a role without its shape. Checks the number of dimensions only.
  absl::StatusOr<TensorLocation> Locate(const RoleInfo& role, uint32_t layer) const {
    const RoleName& name = NameOf(role.role);
    const std::string stored_name = StoredName(role, name, layer);
    const auto found = names_.find(stored_name);
    if (found == names_.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor \"", stored_name, "\" is missing; an RWKV-7 model has it"));
    }
    const NamedShape& tensor = *found->second;
    TensorLocation location;
    location.role = role.role;
    location.layer = layer;
    location.index = static_cast<size_t>(&tensor - first_);
    location.transposed = name.stored == Stored::kTransposed;
    location.sliced = name.stored == Stored::kFused;
    location.slice = name.row;
    const size_t role_dims = role.dims[1] == Dim::kNone ? 1 : 2;
    const size_t wanted = role_dims + (location.sliced ? 1 : 0);
    location.kept_dims = Squeeze(tensor.shape, wanted);
    if (location.kept_dims.size() != wanted) {
      return absl::InvalidArgumentError(absl::StrCat("tensor \"", stored_name, "\": expected ", wanted,
                                                     wanted == 1 ? " dimension" : " dimensions", ", found ",
                                                     ShapeText(tensor.shape)));
    }
    return location;
  }

  // The stored size of dimension `d` of the role.
  uint64_t StoredSize(const TensorLocation& location, size_t d) const {
    const size_t stored = location.sliced ? d + 1 : location.transposed ? 1 - d : d;
    return At(location).shape[location.kept_dims[stored]];
  }

  absl::Status ReadDims(ModelConfig* config) const {
    for (const DimSource& source : kDimSources) {
      if (source.layer >= config->num_layers) continue;
      const RoleInfo& role = *FindRole(source.role);
      SKEIN_ASSIGN_OR_RETURN(const TensorLocation location, Locate(role, source.layer));
      const size_t d = role.dims[0] == source.dim ? 0 : 1;
      const uint64_t size = StoredSize(location, d);
      if (size == 0 || size > UINT32_MAX) {
        return absl::InvalidArgumentError(absl::StrCat("tensor \"", At(location).name, "\": ", DimName(source.dim),
                                                       " is ", size, " in ", ShapeText(At(location).shape)));
      }
      config->*source.field = static_cast<uint32_t>(size);
    }
    config->d_att = config->d_model;
    const uint64_t width = uint64_t{config->num_heads} * config->head_size;
    if (width != config->d_model) {
      const NamedShape& bonus = *names_.find("blocks.0.att.r_k")->second;
      const NamedShape& embedding = *names_.find(kEmbedding)->second;
      return absl::InvalidArgumentError(absl::StrCat(
          "tensor \"", bonus.name, "\" ", ShapeText(bonus.shape), ": expected H * N to be C ", config->d_model,
          " of \"", embedding.name, "\" ", ShapeText(embedding.shape), ", found ", width));
    }
    return absl::OkStatus();
  }

  // Which tensors say how large the dimensions of `role` are: `"emb.weight" [256, 64] (C)`.
  std::string DimSourcesText(const RoleInfo& role) const {
    std::string text;
    for (const DimSource& source : kDimSources) {
      if (std::find(std::begin(role.dims), std::end(role.dims), source.dim) == std::end(role.dims)) continue;
      const RoleInfo& source_role = *FindRole(source.role);
      const auto found = names_.find(StoredName(source_role, NameOf(source.role), source.layer));
      if (found == names_.end()) continue;
      absl::StrAppend(&text, text.empty() ? "" : " and ", "\"", found->second->name, "\" ",
                      ShapeText(found->second->shape), " (", DimName(source.dim), ")");
    }
    return text;
  }

  absl::Status CheckShape(const RoleInfo& role, uint32_t layer, const TensorLocation& location,
                          const ModelConfig& config) const {
    const NamedShape& tensor = At(location);
    bool fits = !location.sliced || tensor.shape[location.kept_dims[0]] == scheme_.fused_rows;
    std::vector<uint64_t> expected = RoleShape(role, config);
    for (size_t d = 0; d < expected.size(); ++d) fits = fits && StoredSize(location, d) == expected[d];
    if (fits) return absl::OkStatus();
    if (location.transposed) std::swap(expected[0], expected[1]);
    if (location.sliced) expected.insert(expected.begin(), scheme_.fused_rows);
    return absl::InvalidArgumentError(absl::StrCat("tensor \"", StoredName(role, NameOf(role.role), layer),
                                                   "\": expected ", ShapeText(expected), " as ", DimSourcesText(role),
                                                   " would have it, found ", ShapeText(tensor.shape)));
  }

  // Whether the tensor is a value residual of layer 0, which some files have and no engine uses.
  static bool IsUnused(absl::string_view name) {
    return name == "blocks.0.att.v0" || name == "blocks.0.att.v1" || name == "blocks.0.att.v2";
  }

  // A tensor that nobody reads would silently change the model's meaning.
  absl::Status CheckNothingIsLeft(const NamedModel& model) const {
    absl::flat_hash_set<size_t> used;
    for (const TensorLocation& location : model.tensors) used.insert(location.index);
    const NamedShape* superfluous = nullptr;
    for (const auto& [name, tensor] : names_) {
      if (used.contains(static_cast<size_t>(tensor - first_)) || IsUnused(name)) continue;
      if (superfluous == nullptr || tensor < superfluous) superfluous = tensor;
    }
    if (superfluous == nullptr) return absl::OkStatus();
    if (absl::EndsWith(superfluous->name, ".time_state")) {
      return absl::UnimplementedError(absl::StrCat("tensor \"", superfluous->name,
                                                   "\": a tuned initial state inside a model is not supported yet"));
    }
    return absl::InvalidArgumentError(absl::StrCat("tensor \"", superfluous->name, "\" ", ShapeText(superfluous->shape),
                                                   ": an RWKV-7 model in ", scheme_.name,
                                                   "'s names has no such tensor"));
  }

  const NamingScheme& scheme_;
  const NameIndex& names_;
  const NamedShape* const first_;
};

}  // namespace

absl::StatusOr<NamedModel> NameTensors(absl::Span<const NamedShape> tensors) {
  const std::string prefix = FindPrefix(tensors);
  NameIndex names;
  for (const NamedShape& tensor : tensors) {
    const absl::string_view name = absl::StripPrefix(tensor.name, prefix);
    if (!names.emplace(name, &tensor).second) {
      return absl::InvalidArgumentError(absl::StrCat("tensor \"", tensor.name, "\" is there twice"));
    }
  }
  SKEIN_RETURN_IF_ERROR(CheckGeneration(names));
  const bool fused = names.contains("blocks.0.att.x_rwkvag");
  return Namer(fused ? RwkvCppScheme() : BlinkDlScheme(), names, tensors.data()).Run();
}

}  // namespace skein
