#include "numbers/roles.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "model/tensor.h"
#include "skein/backend.h"
#include "skein/dtype.h"

namespace skein {
namespace {

constexpr RoleInfo Model(uint32_t role, const char* name, Dim d0, Dim d1 = Dim::kNone) {
  return {role, name, {d0, d1}, d1 != Dim::kNone, false, 0, kAllVersions};
}
constexpr RoleInfo Matrix(uint32_t role, const char* name, Dim d0, Dim d1, VersionSet versions,
                          uint32_t first_layer = 0) {
  return {role, name, {d0, d1}, true, true, first_layer, versions};
}
constexpr RoleInfo Vector(uint32_t role, const char* name, Dim dim, VersionSet versions, uint32_t first_layer = 0) {
  return {role, name, {dim, Dim::kNone}, false, true, first_layer, versions};
}
// Two-dimensional, but used element by element like a vector.
constexpr RoleInfo PerHead(uint32_t role, const char* name, VersionSet versions) {
  return {role, name, {Dim::kHeads, Dim::kHeadSize}, false, true, 0, versions};
}

// clang-format off
constexpr RoleInfo kRoles[] = {
    Model(SKEIN_ROLE_EMBEDDING, "embedding", Dim::kVocab, Dim::kModel),
    Model(SKEIN_ROLE_EMBEDDING_NORM_W, "embedding_norm.weight", Dim::kModel),
    Model(SKEIN_ROLE_EMBEDDING_NORM_B, "embedding_norm.bias", Dim::kModel),

    Vector(SKEIN_ROLE_TIME_NORM_W, "time_norm.weight", Dim::kModel, kAllVersions),
    Vector(SKEIN_ROLE_TIME_NORM_B, "time_norm.bias", Dim::kModel, kAllVersions),
    Vector(SKEIN_ROLE_CHANNEL_NORM_W, "channel_norm.weight", Dim::kModel, kAllVersions),
    Vector(SKEIN_ROLE_CHANNEL_NORM_B, "channel_norm.bias", Dim::kModel, kAllVersions),
    Matrix(SKEIN_ROLE_TIME_RECEPTANCE, "time.receptance", Dim::kAtt, Dim::kModel, kAllVersions),
    Matrix(SKEIN_ROLE_TIME_KEY, "time.key", Dim::kAtt, Dim::kModel, kAllVersions),
    Matrix(SKEIN_ROLE_TIME_VALUE, "time.value", Dim::kAtt, Dim::kModel, kAllVersions),
    Matrix(SKEIN_ROLE_TIME_OUTPUT, "time.output", Dim::kModel, Dim::kAtt, kAllVersions),
    Vector(SKEIN_ROLE_TIME_GROUP_NORM_W, "time.group_norm.weight", Dim::kAtt, kV5 | kV6 | kV7),
    Vector(SKEIN_ROLE_TIME_GROUP_NORM_B, "time.group_norm.bias", Dim::kAtt, kV5 | kV6 | kV7),
    Matrix(SKEIN_ROLE_CHANNEL_KEY, "channel.key", Dim::kFfn, Dim::kModel, kAllVersions),
    Matrix(SKEIN_ROLE_CHANNEL_VALUE, "channel.value", Dim::kModel, Dim::kFfn, kAllVersions),
    Matrix(SKEIN_ROLE_TIME_GATE, "time.gate", Dim::kAtt, Dim::kModel, kV51 | kV52 | kV6),
    Matrix(SKEIN_ROLE_CHANNEL_RECEPTANCE, "channel.receptance", Dim::kModel, Dim::kModel, kV4 | kV5 | kV6),

    Vector(SKEIN_ROLE_V4_MIX_K, "time.mix_k", Dim::kModel, kV4 | kV5),
    Vector(SKEIN_ROLE_V4_MIX_V, "time.mix_v", Dim::kModel, kV4 | kV5),
    Vector(SKEIN_ROLE_V4_MIX_R, "time.mix_r", Dim::kModel, kV4 | kV5),
    Vector(SKEIN_ROLE_V5_MIX_G, "time.mix_g", Dim::kModel, kV51 | kV52),
    Vector(SKEIN_ROLE_V4_CHANNEL_MIX_K, "channel.mix_k", Dim::kModel, kV4 | kV5),
    Vector(SKEIN_ROLE_V4_CHANNEL_MIX_R, "channel.mix_r", Dim::kModel, kV4 | kV5),
    Vector(SKEIN_ROLE_V4_DECAY, "time.decay", Dim::kAtt, kV4),
    Vector(SKEIN_ROLE_V4_BONUS, "time.bonus", Dim::kAtt, kV4),
    Vector(SKEIN_ROLE_V5_DECAY, "time.decay", Dim::kHeads, kV50 | kV51),
    PerHead(SKEIN_ROLE_V5_DECAY, "time.decay", kV52),
    Vector(SKEIN_ROLE_V5_BONUS, "time.bonus", Dim::kHeads, kV50 | kV51),
    PerHead(SKEIN_ROLE_V5_BONUS, "time.bonus", kV52 | kV6),

    Vector(SKEIN_ROLE_V6_MIX_X, "time.mix_x", Dim::kModel, kV6),
    Vector(SKEIN_ROLE_V6_MIX_W, "time.mix_w", Dim::kModel, kV6),
    Vector(SKEIN_ROLE_V6_MIX_K, "time.mix_k", Dim::kModel, kV6),
    Vector(SKEIN_ROLE_V6_MIX_V, "time.mix_v", Dim::kModel, kV6),
    Vector(SKEIN_ROLE_V6_MIX_R, "time.mix_r", Dim::kModel, kV6),
    Vector(SKEIN_ROLE_V6_MIX_G, "time.mix_g", Dim::kModel, kV6),
    Matrix(SKEIN_ROLE_V6_MIX_DOWN_W, "time.mix_w.down", Dim::kRankMix, Dim::kModel, kV6),
    Matrix(SKEIN_ROLE_V6_MIX_DOWN_K, "time.mix_k.down", Dim::kRankMix, Dim::kModel, kV6),
    Matrix(SKEIN_ROLE_V6_MIX_DOWN_V, "time.mix_v.down", Dim::kRankMix, Dim::kModel, kV6),
    Matrix(SKEIN_ROLE_V6_MIX_DOWN_R, "time.mix_r.down", Dim::kRankMix, Dim::kModel, kV6),
    Matrix(SKEIN_ROLE_V6_MIX_DOWN_G, "time.mix_g.down", Dim::kRankMix, Dim::kModel, kV6),
    Matrix(SKEIN_ROLE_V6_MIX_UP_W, "time.mix_w.up", Dim::kModel, Dim::kRankMix, kV6),
    Matrix(SKEIN_ROLE_V6_MIX_UP_K, "time.mix_k.up", Dim::kModel, Dim::kRankMix, kV6),
    Matrix(SKEIN_ROLE_V6_MIX_UP_V, "time.mix_v.up", Dim::kModel, Dim::kRankMix, kV6),
    Matrix(SKEIN_ROLE_V6_MIX_UP_R, "time.mix_r.up", Dim::kModel, Dim::kRankMix, kV6),
    Matrix(SKEIN_ROLE_V6_MIX_UP_G, "time.mix_g.up", Dim::kModel, Dim::kRankMix, kV6),
    Vector(SKEIN_ROLE_V6_DECAY_BIAS, "time.decay.bias", Dim::kAtt, kV6),
    Matrix(SKEIN_ROLE_V6_DECAY_DOWN, "time.decay.down", Dim::kRankDecay, Dim::kModel, kV6),
    Matrix(SKEIN_ROLE_V6_DECAY_UP, "time.decay.up", Dim::kAtt, Dim::kRankDecay, kV6),
    Vector(SKEIN_ROLE_V6_CHANNEL_MIX_K, "channel.mix_k", Dim::kModel, kV6),
    Vector(SKEIN_ROLE_V6_CHANNEL_MIX_R, "channel.mix_r", Dim::kModel, kV6),

    Vector(SKEIN_ROLE_V7_MIX_R, "time.mix_r", Dim::kModel, kV7),
    Vector(SKEIN_ROLE_V7_MIX_W, "time.mix_w", Dim::kModel, kV7),
    Vector(SKEIN_ROLE_V7_MIX_K, "time.mix_k", Dim::kModel, kV7),
    Vector(SKEIN_ROLE_V7_MIX_V, "time.mix_v", Dim::kModel, kV7),
    Vector(SKEIN_ROLE_V7_MIX_A, "time.mix_a", Dim::kModel, kV7),
    Vector(SKEIN_ROLE_V7_MIX_G, "time.mix_g", Dim::kModel, kV7),
    Vector(SKEIN_ROLE_V7_DECAY_BIAS, "time.decay.bias", Dim::kModel, kV7),
    Matrix(SKEIN_ROLE_V7_DECAY_DOWN, "time.decay.down", Dim::kRankDecay, Dim::kModel, kV7),
    Matrix(SKEIN_ROLE_V7_DECAY_UP, "time.decay.up", Dim::kModel, Dim::kRankDecay, kV7),
    Vector(SKEIN_ROLE_V7_ICLR_BIAS, "time.iclr.bias", Dim::kModel, kV7),
    Matrix(SKEIN_ROLE_V7_ICLR_DOWN, "time.iclr.down", Dim::kRankIclr, Dim::kModel, kV7),
    Matrix(SKEIN_ROLE_V7_ICLR_UP, "time.iclr.up", Dim::kModel, Dim::kRankIclr, kV7),
    Vector(SKEIN_ROLE_V7_VALUE_BIAS, "time.value_residual.bias", Dim::kModel, kV7, 1),
    Matrix(SKEIN_ROLE_V7_VALUE_DOWN, "time.value_residual.down", Dim::kRankValue, Dim::kModel, kV7, 1),
    Matrix(SKEIN_ROLE_V7_VALUE_UP, "time.value_residual.up", Dim::kModel, Dim::kRankValue, kV7, 1),
    Matrix(SKEIN_ROLE_V7_GATE_DOWN, "time.gate.down", Dim::kRankGate, Dim::kModel, kV7),
    Matrix(SKEIN_ROLE_V7_GATE_UP, "time.gate.up", Dim::kModel, Dim::kRankGate, kV7),
    Vector(SKEIN_ROLE_V7_KEY_K, "time.key_k", Dim::kModel, kV7),
    Vector(SKEIN_ROLE_V7_KEY_A, "time.key_a", Dim::kModel, kV7),
    PerHead(SKEIN_ROLE_V7_BONUS, "time.bonus", kV7),
    Vector(SKEIN_ROLE_V7_CHANNEL_MIX, "channel.mix", Dim::kModel, kV7),

    Model(SKEIN_ROLE_OUTPUT_NORM_W, "output_norm.weight", Dim::kModel),
    Model(SKEIN_ROLE_OUTPUT_NORM_B, "output_norm.bias", Dim::kModel),
    Model(SKEIN_ROLE_HEAD, "head", Dim::kVocab, Dim::kModel),
};
// clang-format on

struct VersionBit {
  VersionSet bit;
  uint32_t generation;
  uint32_t variant;
};

constexpr VersionBit kVersions[] = {{kV4, 4, 0}, {kV50, 5, 0}, {kV51, 5, 1}, {kV52, 5, 2}, {kV6, 6, 0}, {kV7, 7, 0}};

struct DimRow {
  Dim dim;
  const char* letter;
  uint32_t ModelConfig::*field;
};

constexpr DimRow kDims[] = {
    {Dim::kModel, "C", &ModelConfig::d_model},
    {Dim::kAtt, "A", &ModelConfig::d_att},
    {Dim::kFfn, "F", &ModelConfig::d_ffn},
    {Dim::kVocab, "V", &ModelConfig::vocab_size},
    {Dim::kHeads, "H", &ModelConfig::num_heads},
    {Dim::kHeadSize, "N", &ModelConfig::head_size},
    {Dim::kRankMix, "R_m", &ModelConfig::rank_mix},
    {Dim::kRankDecay, "R_w", &ModelConfig::rank_decay},
    {Dim::kRankIclr, "R_a", &ModelConfig::rank_iclr},
    {Dim::kRankValue, "R_v", &ModelConfig::rank_value},
    {Dim::kRankGate, "R_g", &ModelConfig::rank_gate},
};

const DimRow* FindDim(Dim dim) {
  const auto found =
      std::find_if(std::begin(kDims), std::end(kDims), [&](const DimRow& row) { return row.dim == dim; });
  return found == std::end(kDims) ? nullptr : found;
}

}  // namespace

VersionSet VersionOf(const ModelConfig& config) {
  for (const VersionBit& version : kVersions) {
    if (version.generation == config.generation && version.variant == config.variant) return version.bit;
  }
  return 0;
}

void SetVersion(VersionSet version, ModelConfig* config) {
  for (const VersionBit& row : kVersions) {
    if (row.bit != version) continue;
    config->generation = row.generation;
    config->variant = row.variant;
  }
}

const char* DimName(Dim dim) {
  const DimRow* row = FindDim(dim);
  return row == nullptr ? "" : row->letter;
}

uint32_t DimSize(Dim dim, const ModelConfig& config) {
  const DimRow* row = FindDim(dim);
  return row == nullptr ? 1 : config.*row->field;
}

absl::Span<const RoleInfo> Roles() { return kRoles; }

const RoleInfo* FindRole(uint32_t role) {
  for (const RoleInfo& info : kRoles) {
    if (info.role == role) return &info;
  }
  return nullptr;
}

const RoleInfo* FindRole(uint32_t role, const ModelConfig& config) {
  const VersionSet version = VersionOf(config);
  for (const RoleInfo& info : kRoles) {
    if (info.role == role && (info.versions & version) != 0) return &info;
  }
  return nullptr;
}

bool IsMatrixRole(uint32_t role) {
  const RoleInfo* info = FindRole(role);
  return info != nullptr && info->is_matrix;
}

bool IsFactorRole(uint32_t role) {
  const RoleInfo* info = FindRole(role);
  if (info == nullptr || !info->is_matrix) return false;
  return std::any_of(std::begin(info->dims), std::end(info->dims), [](Dim dim) { return dim >= Dim::kRankMix; });
}

uint32_t TypeInModel(uint32_t role, absl::Span<const uint64_t> shape, uint32_t wanted, uint32_t own) {
  if (!IsMatrixRole(role)) return SKEIN_DTYPE_F32;
  if (wanted == SKEIN_DTYPE_NONE) return own;
  if (wanted != SKEIN_DTYPE_Q8 && wanted != SKEIN_DTYPE_Q4) return wanted;
  const bool needs_8_bits = IsFactorRole(role) || role == SKEIN_ROLE_EMBEDDING;
  const uint32_t quantised = needs_8_bits ? uint32_t{SKEIN_DTYPE_Q8} : wanted;
  const auto row_bytes = [&](uint32_t dtype) {
    uint64_t bytes = 0;
    PackedBytes(*FindDtype(dtype), shape.subspan(shape.size() - 1), &bytes);  // fits: ranks and widths have 32 bits
    return bytes;
  };
  const uint32_t rounded = own == SKEIN_DTYPE_BF16 ? SKEIN_DTYPE_BF16 : SKEIN_DTYPE_F16;
  return row_bytes(quantised) < row_bytes(rounded) ? quantised : rounded;
}

std::string TensorName(uint32_t role, uint32_t layer) {
  const RoleInfo* info = FindRole(role);
  if (info == nullptr) return absl::StrCat("role ", role);
  return info->per_layer ? absl::StrCat("layers.", layer, ".", info->name) : info->name;
}

std::vector<uint64_t> RoleShape(const RoleInfo& role, const ModelConfig& config) {
  std::vector<uint64_t> shape = {DimSize(role.dims[0], config)};
  if (role.dims[1] != Dim::kNone) shape.push_back(DimSize(role.dims[1], config));
  return shape;
}

std::vector<ExpectedTensor> ExpectedTensors(const ModelConfig& config) {
  const VersionSet version = VersionOf(config);
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
  for (uint32_t layer = 0; layer < config.num_layers; ++layer) add(layers, after, layer);
  add(after, std::end(kRoles), 0);
  return tensors;
}

}  // namespace skein
