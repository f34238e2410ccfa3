#include "numbers/roles.h"

#include <algorithm>
#include <iterator>

#include "skein/dtype.h"

namespace skein {
namespace {

// --- the words of roles.inc ---

constexpr Dim C = Dim::kModel, A = Dim::kAtt, F = Dim::kFfn, V = Dim::kVocab, H = Dim::kHeads, N = Dim::kHeadSize;
constexpr Dim R_m = Dim::kRankMix, R_w = Dim::kRankDecay, R_a = Dim::kRankIclr, R_v = Dim::kRankValue,
              R_g = Dim::kRankGate;
enum Use { kVector, kMatrix };
constexpr uint32_t kNoLayer = ~uint32_t{0};

struct Shape {
  Dim rows, columns;
};
constexpr Shape ShapeOf(Dim rows, Dim columns = Dim::kNone) { return {rows, columns}; }

constexpr RoleInfo Row(uint32_t role, const char* symbol, const char* name, Shape shape, Use use, uint32_t first_layer,
                       VersionSet versions) {
  return {.role = role,
          .symbol = symbol,
          .name = name,
          .dims = {shape.rows, shape.columns},
          .is_matrix = use == kMatrix,
          .per_layer = first_layer != kNoLayer,
          .first_layer = first_layer == kNoLayer ? 0 : first_layer,
          .versions = versions};
}

#define ROLE(number, symbol, name, shape, use, first_layer, versions) \
  static_assert((number) == SKEIN_ROLE_##symbol, "roles.inc and backend.h give a role two numbers");
#include "numbers/roles.inc"
#undef ROLE

constexpr RoleInfo kRoles[] = {
#define ROLE(number, symbol, name, shape, use, first_layer, versions) \
  Row(number, #symbol, name, ShapeOf shape, use, first_layer, versions),
#include "numbers/roles.inc"
#undef ROLE
};

struct DimRow {
  Dim dim;
  const char* letter;
  const char* field_name;
  uint32_t skein_backend_model::*field;
};

constexpr DimRow kDims[] = {
    {C, "C", "d_model", &skein_backend_model::d_model},
    {A, "A", "d_att", &skein_backend_model::d_att},
    {F, "F", "d_ffn", &skein_backend_model::d_ffn},
    {V, "V", "vocab_size", &skein_backend_model::vocab_size},
    {H, "H", "num_heads", &skein_backend_model::num_heads},
    {N, "N", "head_size", &skein_backend_model::head_size},
    {R_m, "R_m", "rank_mix", &skein_backend_model::rank_mix},
    {R_w, "R_w", "rank_decay", &skein_backend_model::rank_decay},
    {R_a, "R_a", "rank_iclr", &skein_backend_model::rank_iclr},
    {R_v, "R_v", "rank_value", &skein_backend_model::rank_value},
    {R_g, "R_g", "rank_gate", &skein_backend_model::rank_gate},
};

const DimRow* FindDim(Dim dim) {
  const auto found =
      std::find_if(std::begin(kDims), std::end(kDims), [&](const DimRow& row) { return row.dim == dim; });
  return found == std::end(kDims) ? nullptr : found;
}

bool HasDim(const RoleInfo& role, Dim dim) { return role.dims[0] == dim || role.dims[1] == dim; }

}  // namespace

VersionSet VersionOf(const skein_backend_model& model) {
  for (const Version& version : kVersions) {
    if (version.generation == model.generation && version.variant == model.variant) return version.bit;
  }
  return 0;
}

const char* DimName(Dim dim) {
  const DimRow* row = FindDim(dim);
  return row == nullptr ? "" : row->letter;
}

const char* DimField(Dim dim) {
  const DimRow* row = FindDim(dim);
  return row == nullptr ? "" : row->field_name;
}

uint32_t DimSize(Dim dim, const skein_backend_model& model) {
  const DimRow* row = FindDim(dim);
  return row == nullptr ? 1 : model.*row->field;
}

std::span<const RoleInfo> Roles() { return kRoles; }

const RoleInfo* FindRole(uint32_t role) {
  for (const RoleInfo& info : kRoles) {
    if (info.role == role) return &info;
  }
  return nullptr;
}

const RoleInfo* FindRole(uint32_t role, const skein_backend_model& model) {
  const VersionSet version = VersionOf(model);
  for (const RoleInfo& info : kRoles) {
    if (info.role == role && (info.versions & version) != 0) return &info;
  }
  return nullptr;
}

const char* RoleSymbol(uint32_t role) {
  const RoleInfo* info = FindRole(role);
  return info == nullptr ? "UNKNOWN" : info->symbol;
}

bool IsMatrixRole(uint32_t role) {
  const RoleInfo* info = FindRole(role);
  return info != nullptr && info->is_matrix;
}

bool IsFactorRole(uint32_t role) {
  const RoleInfo* info = FindRole(role);
  if (info == nullptr || !info->is_matrix) return false;
  return std::any_of(std::begin(kRanks), std::end(kRanks), [&](Dim rank) { return HasDim(*info, rank); });
}

bool RoleTakesLayout(uint32_t role, uint32_t layout) {
  return layout == SKEIN_LAYOUT_ROWS || (IsMatrixRole(role) && role != SKEIN_ROLE_EMBEDDING);
}

bool HasDim(VersionSet version, Dim dim, uint32_t num_layers) {
  return std::any_of(std::begin(kRoles), std::end(kRoles), [&](const RoleInfo& role) {
    return (role.versions & version) != 0 && role.first_layer < num_layers && HasDim(role, dim);
  });
}

std::string TensorName(uint32_t role, uint32_t layer) {
  const RoleInfo* info = FindRole(role);
  if (info == nullptr) return "role " + std::to_string(role);
  return info->per_layer ? "layers." + std::to_string(layer) + "." + info->name : info->name;
}

std::vector<uint64_t> RoleShape(const RoleInfo& role, const skein_backend_model& model) {
  std::vector<uint64_t> shape = {DimSize(role.dims[0], model)};
  if (role.dims[1] != Dim::kNone) shape.push_back(DimSize(role.dims[1], model));
  return shape;
}

std::vector<ExpectedTensor> ExpectedTensors(const skein_backend_model& model) {
  const VersionSet version = VersionOf(model);
  std::vector<ExpectedTensor> tensors;
  const auto add = [&](const RoleInfo* begin, const RoleInfo* end, uint32_t layer) {
    for (const RoleInfo* role = begin; role != end; ++role) {
      if ((role->versions & version) != 0 && layer >= role->first_layer) tensors.push_back({role, layer});
    }
  };
  const auto per_layer = [](const RoleInfo& role) { return role.per_layer; };
  const RoleInfo* const layers = std::find_if(std::begin(kRoles), std::end(kRoles), per_layer);
  const RoleInfo* const after = std::find_if_not(layers, std::end(kRoles), per_layer);
  add(std::begin(kRoles), layers, 0);
  for (uint32_t layer = 0; layer < model.num_layers; ++layer) add(layers, after, layer);
  add(after, std::end(kRoles), 0);
  return tensors;
}

}  // namespace skein
