#include "model/roles.h"

#include "absl/strings/str_cat.h"
#include "skein/backend.h"

namespace skein {
namespace {

constexpr RoleInfo Model(uint32_t role, const char* name, Dim d0, Dim d1 = Dim::kNone) {
  return {role, name, {d0, d1}, d1 != Dim::kNone, false, 0};
}
constexpr RoleInfo Matrix(uint32_t role, const char* name, Dim d0, Dim d1, uint32_t first_layer = 0) {
  return {role, name, {d0, d1}, true, true, first_layer};
}
constexpr RoleInfo Vector(uint32_t role, const char* name, uint32_t first_layer = 0) {
  return {role, name, {Dim::kModel, Dim::kNone}, false, true, first_layer};
}

// clang-format off
constexpr RoleInfo kRoles[] = {
    Model(SKEIN_ROLE_EMBEDDING, "embedding", Dim::kVocab, Dim::kModel),
    Model(SKEIN_ROLE_EMBEDDING_NORM_W, "embedding_norm.weight", Dim::kModel),
    Model(SKEIN_ROLE_EMBEDDING_NORM_B, "embedding_norm.bias", Dim::kModel),

    Vector(SKEIN_ROLE_TIME_NORM_W, "time_norm.weight"),
    Vector(SKEIN_ROLE_TIME_NORM_B, "time_norm.bias"),
    Vector(SKEIN_ROLE_CHANNEL_NORM_W, "channel_norm.weight"),
    Vector(SKEIN_ROLE_CHANNEL_NORM_B, "channel_norm.bias"),
    Matrix(SKEIN_ROLE_TIME_RECEPTANCE, "time.receptance", Dim::kModel, Dim::kModel),
    Matrix(SKEIN_ROLE_TIME_KEY, "time.key", Dim::kModel, Dim::kModel),
    Matrix(SKEIN_ROLE_TIME_VALUE, "time.value", Dim::kModel, Dim::kModel),
    Matrix(SKEIN_ROLE_TIME_OUTPUT, "time.output", Dim::kModel, Dim::kModel),
    Vector(SKEIN_ROLE_TIME_GROUP_NORM_W, "time.group_norm.weight"),
    Vector(SKEIN_ROLE_TIME_GROUP_NORM_B, "time.group_norm.bias"),
    Matrix(SKEIN_ROLE_CHANNEL_KEY, "channel.key", Dim::kFfn, Dim::kModel),
    Matrix(SKEIN_ROLE_CHANNEL_VALUE, "channel.value", Dim::kModel, Dim::kFfn),

    Vector(SKEIN_ROLE_V7_MIX_R, "time.mix_r"),
    Vector(SKEIN_ROLE_V7_MIX_W, "time.mix_w"),
    Vector(SKEIN_ROLE_V7_MIX_K, "time.mix_k"),
    Vector(SKEIN_ROLE_V7_MIX_V, "time.mix_v"),
    Vector(SKEIN_ROLE_V7_MIX_A, "time.mix_a"),
    Vector(SKEIN_ROLE_V7_MIX_G, "time.mix_g"),
    Vector(SKEIN_ROLE_V7_DECAY_BIAS, "time.decay.bias"),
    Matrix(SKEIN_ROLE_V7_DECAY_DOWN, "time.decay.down", Dim::kRankDecay, Dim::kModel),
    Matrix(SKEIN_ROLE_V7_DECAY_UP, "time.decay.up", Dim::kModel, Dim::kRankDecay),
    Vector(SKEIN_ROLE_V7_ICLR_BIAS, "time.iclr.bias"),
    Matrix(SKEIN_ROLE_V7_ICLR_DOWN, "time.iclr.down", Dim::kRankIclr, Dim::kModel),
    Matrix(SKEIN_ROLE_V7_ICLR_UP, "time.iclr.up", Dim::kModel, Dim::kRankIclr),
    Vector(SKEIN_ROLE_V7_VALUE_BIAS, "time.value_residual.bias", 1),
    Matrix(SKEIN_ROLE_V7_VALUE_DOWN, "time.value_residual.down", Dim::kRankValue, Dim::kModel, 1),
    Matrix(SKEIN_ROLE_V7_VALUE_UP, "time.value_residual.up", Dim::kModel, Dim::kRankValue, 1),
    Matrix(SKEIN_ROLE_V7_GATE_DOWN, "time.gate.down", Dim::kRankGate, Dim::kModel),
    Matrix(SKEIN_ROLE_V7_GATE_UP, "time.gate.up", Dim::kModel, Dim::kRankGate),
    Vector(SKEIN_ROLE_V7_KEY_K, "time.key_k"),
    Vector(SKEIN_ROLE_V7_KEY_A, "time.key_a"),
    // Two-dimensional, but used element by element like a vector.
    {SKEIN_ROLE_V7_BONUS, "time.bonus", {Dim::kHeads, Dim::kHeadSize}, false, true, 0},
    Vector(SKEIN_ROLE_V7_CHANNEL_MIX, "channel.mix"),

    Model(SKEIN_ROLE_OUTPUT_NORM_W, "output_norm.weight", Dim::kModel),
    Model(SKEIN_ROLE_OUTPUT_NORM_B, "output_norm.bias", Dim::kModel),
    Model(SKEIN_ROLE_HEAD, "head", Dim::kVocab, Dim::kModel),
};
// clang-format on

constexpr size_t kNumRoles = sizeof(kRoles) / sizeof(kRoles[0]);

}  // namespace

const char* DimName(Dim dim) {
  switch (dim) {
    case Dim::kNone:
      return "";
    case Dim::kModel:
      return "C";
    case Dim::kFfn:
      return "F";
    case Dim::kVocab:
      return "V";
    case Dim::kHeads:
      return "H";
    case Dim::kHeadSize:
      return "N";
    case Dim::kRankDecay:
      return "R_w";
    case Dim::kRankIclr:
      return "R_a";
    case Dim::kRankValue:
      return "R_v";
    case Dim::kRankGate:
      return "R_g";
  }
  return "";
}

uint32_t DimSize(Dim dim, const ModelConfig& config) {
  switch (dim) {
    case Dim::kNone:
      return 1;
    case Dim::kModel:
      return config.d_model;
    case Dim::kFfn:
      return config.d_ffn;
    case Dim::kVocab:
      return config.vocab_size;
    case Dim::kHeads:
      return config.num_heads;
    case Dim::kHeadSize:
      return config.head_size;
    case Dim::kRankDecay:
      return config.rank_decay;
    case Dim::kRankIclr:
      return config.rank_iclr;
    case Dim::kRankValue:
      return config.rank_value;
    case Dim::kRankGate:
      return config.rank_gate;
  }
  return 0;
}

absl::Span<const RoleInfo> Roles() { return kRoles; }

const RoleInfo* FindRole(uint32_t role) {
  for (const RoleInfo& info : kRoles) {
    if (info.role == role) return &info;
  }
  return nullptr;
}

bool IsMatrixRole(uint32_t role) {
  const RoleInfo* info = FindRole(role);
  return info != nullptr && info->is_matrix;
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
  std::vector<ExpectedTensor> tensors;
  size_t i = 0;
  for (; i < kNumRoles && !kRoles[i].per_layer; ++i) tensors.push_back({&kRoles[i], 0});
  const size_t layer_begin = i;
  while (i < kNumRoles && kRoles[i].per_layer) ++i;
  for (uint32_t layer = 0; layer < config.num_layers; ++layer) {
    for (size_t r = layer_begin; r < i; ++r) {
      if (layer >= kRoles[r].first_layer) tensors.push_back({&kRoles[r], layer});
    }
  }
  for (; i < kNumRoles; ++i) tensors.push_back({&kRoles[i], 0});
  return tensors;
}

}  // namespace skein
