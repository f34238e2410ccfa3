#include "tests/conformance/synthetic_model.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <numbers>
#include <string_view>

namespace skein::conformance {
namespace {

// splitmix64: the same numbers with every standard library.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  double Uniform() { return (static_cast<double>(Next() >> 11) + 0.5) * 0x1p-53; }
  double Normal() { return std::sqrt(-2 * std::log(Uniform())) * std::cos(2 * std::numbers::pi * Uniform()); }

 private:
  uint64_t state_;
};

// Rounds to the nearest value with `bits` bits of significand, the leading one included.
float RoundSignificand(float value, int bits) {
  int exponent = 0;
  const float fraction = std::frexp(value, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(fraction, bits)), exponent - bits);
}

// Appends `value` in type `dtype`, and returns what it became. The values of test models are far from overflow; those
// too small for a normal binary16 become zero.
double Append(uint32_t dtype, double value, std::vector<uint8_t>& data) {
  float rounded = static_cast<float>(value);
  uint32_t bits;
  if (dtype == SKEIN_DTYPE_F32) {
    bits = std::bit_cast<uint32_t>(rounded);
  } else if (dtype == SKEIN_DTYPE_BF16) {
    rounded = RoundSignificand(rounded, 8);
    bits = std::bit_cast<uint32_t>(rounded) >> 16;
  } else {
    rounded = std::fabs(rounded) < 0x1p-14f ? 0.0f : RoundSignificand(rounded, 11);
    const uint32_t wide = std::bit_cast<uint32_t>(rounded);
    const uint32_t magnitude = wide & 0x7FFFFFFFu;
    bits = (wide >> 16 & 0x8000u) | (magnitude == 0 ? 0 : (magnitude - (112u << 23)) >> 13);
  }
  const size_t size = dtype == SKEIN_DTYPE_F32 ? 4 : 2;
  data.resize(data.size() + size);
  std::memcpy(data.data() + data.size() - size, &bits, size);
  return rounded;
}

// The versions of models that have a tensor: a bit for each.
constexpr uint32_t k4 = 1, k50 = 2, k51 = 4, k52 = 8, k6 = 16, k7 = 32;
constexpr uint32_t k5 = k50 | k51 | k52, kGated = k51 | k52 | k6, kAll = k4 | k5 | k6 | k7;

uint32_t VersionBit(uint32_t generation, uint32_t variant) {
  return generation == 4 ? k4 : generation == 5 ? k50 << variant : generation == 6 ? k6 : k7;
}

enum class Where { kOnce, kEvery, kLater };  // of the layers; the last: all but layer 0
enum class Kind { kVector, kMatrix };
using enum Where;
using enum Kind;

// One role: `shape` in the letters of backend.h, ranks by their index (m, w, a, v, g). Values are normal with `mean`
// and `deviation`; those of a matrix [.., in] are divided by sqrt(in), which keeps its products at `deviation`.
struct RoleSpec {
  uint32_t versions;
  Where where;
  uint32_t role;
  Kind kind;
  std::string_view shape;
  double mean, deviation;
};

// clang-format off
constexpr RoleSpec kRoles[] = {
    {kAll, kOnce, SKEIN_ROLE_EMBEDDING, kMatrix, "VC", 0, 8},
    {kAll, kOnce, SKEIN_ROLE_EMBEDDING_NORM_W, kVector, "C", 1, 0.1},
    {kAll, kOnce, SKEIN_ROLE_EMBEDDING_NORM_B, kVector, "C", 0, 0.1},
    {kAll, kOnce, SKEIN_ROLE_OUTPUT_NORM_W, kVector, "C", 1, 0.1},
    {kAll, kOnce, SKEIN_ROLE_OUTPUT_NORM_B, kVector, "C", 0, 0.1},
    {kAll, kOnce, SKEIN_ROLE_HEAD, kMatrix, "VC", 0, 1.5},

    {kAll, kEvery, SKEIN_ROLE_TIME_NORM_W, kVector, "C", 1, 0.1},
    {kAll, kEvery, SKEIN_ROLE_TIME_NORM_B, kVector, "C", 0, 0.1},
    {kAll, kEvery, SKEIN_ROLE_TIME_RECEPTANCE, kMatrix, "AC", 0, 1},
    {kAll, kEvery, SKEIN_ROLE_TIME_KEY, kMatrix, "AC", 0, 1},
    {kAll, kEvery, SKEIN_ROLE_TIME_VALUE, kMatrix, "AC", 0, 1},
    {kGated, kEvery, SKEIN_ROLE_TIME_GATE, kMatrix, "AC", 0, 1},
    {kAll & ~k4, kEvery, SKEIN_ROLE_TIME_GROUP_NORM_W, kVector, "A", 0.7, 0.2},
    {kAll & ~k4, kEvery, SKEIN_ROLE_TIME_GROUP_NORM_B, kVector, "A", 0, 0.1},
    {kAll, kEvery, SKEIN_ROLE_TIME_OUTPUT, kMatrix, "CA", 0, 1},
    {kAll, kEvery, SKEIN_ROLE_CHANNEL_NORM_W, kVector, "C", 1, 0.1},
    {kAll, kEvery, SKEIN_ROLE_CHANNEL_NORM_B, kVector, "C", 0, 0.1},
    {kAll, kEvery, SKEIN_ROLE_CHANNEL_KEY, kMatrix, "FC", 0, 1},
    {kAll, kEvery, SKEIN_ROLE_CHANNEL_VALUE, kMatrix, "CF", 0, 1},
    {kAll & ~k7, kEvery, SKEIN_ROLE_CHANNEL_RECEPTANCE, kMatrix, "CC", 0, 1},

    {k4 | k5, kEvery, SKEIN_ROLE_V4_MIX_K, kVector, "C", 0.5, 0.3},
    {k4 | k5, kEvery, SKEIN_ROLE_V4_MIX_V, kVector, "C", 0.5, 0.3},
    {k4 | k5, kEvery, SKEIN_ROLE_V4_MIX_R, kVector, "C", 0.5, 0.3},
    {k51 | k52, kEvery, SKEIN_ROLE_V5_MIX_G, kVector, "C", 0.5, 0.3},
    {k4 | k5, kEvery, SKEIN_ROLE_V4_CHANNEL_MIX_K, kVector, "C", 0.5, 0.3},
    {k4 | k5, kEvery, SKEIN_ROLE_V4_CHANNEL_MIX_R, kVector, "C", 0.5, 0.3},
    {k4, kEvery, SKEIN_ROLE_V4_DECAY, kVector, "A", -2, 2},  // memories from one token to thousands
    {k4, kEvery, SKEIN_ROLE_V4_BONUS, kVector, "A", 0, 1},
    {k50, kEvery, SKEIN_ROLE_V5_DECAY, kVector, "H", -2, 1.5},
    {k50, kEvery, SKEIN_ROLE_V5_BONUS, kVector, "H", -0.5, 0.7},
    {k51, kEvery, SKEIN_ROLE_V5_DECAY, kVector, "H", -2, 1.5},
    {k51, kEvery, SKEIN_ROLE_V5_BONUS, kVector, "H", 0.5, 0.7},
    {k52, kEvery, SKEIN_ROLE_V5_DECAY, kVector, "HN", -2, 1.5},
    {k52 | k6, kEvery, SKEIN_ROLE_V5_BONUS, kVector, "HN", 0.5, 0.7},

    {k6, kEvery, SKEIN_ROLE_V6_MIX_X, kVector, "C", 0.5, 0.3},
    {k6, kEvery, SKEIN_ROLE_V6_MIX_W, kVector, "C", 0.5, 0.3},
    {k6, kEvery, SKEIN_ROLE_V6_MIX_K, kVector, "C", 0.5, 0.3},
    {k6, kEvery, SKEIN_ROLE_V6_MIX_V, kVector, "C", 0.5, 0.3},
    {k6, kEvery, SKEIN_ROLE_V6_MIX_R, kVector, "C", 0.5, 0.3},
    {k6, kEvery, SKEIN_ROLE_V6_MIX_G, kVector, "C", 0.5, 0.3},
    {k6, kEvery, SKEIN_ROLE_V6_MIX_DOWN_W, kMatrix, "mC", 0, 1},
    {k6, kEvery, SKEIN_ROLE_V6_MIX_DOWN_K, kMatrix, "mC", 0, 1},
    {k6, kEvery, SKEIN_ROLE_V6_MIX_DOWN_V, kMatrix, "mC", 0, 1},
    {k6, kEvery, SKEIN_ROLE_V6_MIX_DOWN_R, kMatrix, "mC", 0, 1},
    {k6, kEvery, SKEIN_ROLE_V6_MIX_DOWN_G, kMatrix, "mC", 0, 1},
    {k6, kEvery, SKEIN_ROLE_V6_MIX_UP_W, kMatrix, "Cm", 0, 0.5},
    {k6, kEvery, SKEIN_ROLE_V6_MIX_UP_K, kMatrix, "Cm", 0, 0.5},
    {k6, kEvery, SKEIN_ROLE_V6_MIX_UP_V, kMatrix, "Cm", 0, 0.5},
    {k6, kEvery, SKEIN_ROLE_V6_MIX_UP_R, kMatrix, "Cm", 0, 0.5},
    {k6, kEvery, SKEIN_ROLE_V6_MIX_UP_G, kMatrix, "Cm", 0, 0.5},
    {k6, kEvery, SKEIN_ROLE_V6_DECAY_BIAS, kVector, "A", -2, 1.5},
    {k6, kEvery, SKEIN_ROLE_V6_DECAY_DOWN, kMatrix, "wC", 0, 1},
    {k6, kEvery, SKEIN_ROLE_V6_DECAY_UP, kMatrix, "Aw", 0, 1},
    {k6, kEvery, SKEIN_ROLE_V6_CHANNEL_MIX_K, kVector, "C", 0.5, 0.3},
    {k6, kEvery, SKEIN_ROLE_V6_CHANNEL_MIX_R, kVector, "C", 0.5, 0.3},

    {k7, kEvery, SKEIN_ROLE_V7_MIX_R, kVector, "C", 0.5, 0.3},
    {k7, kEvery, SKEIN_ROLE_V7_MIX_W, kVector, "C", 0.5, 0.3},
    {k7, kEvery, SKEIN_ROLE_V7_MIX_K, kVector, "C", 0.5, 0.3},
    {k7, kEvery, SKEIN_ROLE_V7_MIX_V, kVector, "C", 0.5, 0.3},
    {k7, kEvery, SKEIN_ROLE_V7_MIX_A, kVector, "C", 0.5, 0.3},
    {k7, kEvery, SKEIN_ROLE_V7_MIX_G, kVector, "C", 0.5, 0.3},
    {k7, kEvery, SKEIN_ROLE_V7_DECAY_BIAS, kVector, "C", -2, 2},  // memories from a few tokens to hundreds
    {k7, kEvery, SKEIN_ROLE_V7_DECAY_DOWN, kMatrix, "wC", 0, 1},
    {k7, kEvery, SKEIN_ROLE_V7_DECAY_UP, kMatrix, "Cw", 0, 1},
    {k7, kEvery, SKEIN_ROLE_V7_ICLR_BIAS, kVector, "C", 0, 1},
    {k7, kEvery, SKEIN_ROLE_V7_ICLR_DOWN, kMatrix, "aC", 0, 1},
    {k7, kEvery, SKEIN_ROLE_V7_ICLR_UP, kMatrix, "Ca", 0, 1},
    {k7, kLater, SKEIN_ROLE_V7_VALUE_BIAS, kVector, "C", 0.5, 0.5},
    {k7, kLater, SKEIN_ROLE_V7_VALUE_DOWN, kMatrix, "vC", 0, 1},
    {k7, kLater, SKEIN_ROLE_V7_VALUE_UP, kMatrix, "Cv", 0, 1},
    {k7, kEvery, SKEIN_ROLE_V7_GATE_DOWN, kMatrix, "gC", 0, 1},
    {k7, kEvery, SKEIN_ROLE_V7_GATE_UP, kMatrix, "Cg", 0, 2},
    {k7, kEvery, SKEIN_ROLE_V7_KEY_K, kVector, "C", 0.8, 0.2},
    {k7, kEvery, SKEIN_ROLE_V7_KEY_A, kVector, "C", 1, 0.1},
    {k7, kEvery, SKEIN_ROLE_V7_BONUS, kVector, "HN", 0, 0.1},
    {k7, kEvery, SKEIN_ROLE_V7_CHANNEL_MIX, kVector, "C", 0.5, 0.3},
};
// clang-format on

uint64_t Dimension(const skein_backend_model& model, char letter) {
  switch (letter) {
    case 'V':
      return model.vocab_size;
    case 'C':
      return model.d_model;
    case 'A':
      return model.d_att;
    case 'F':
      return model.d_ffn;
    case 'H':
      return model.num_heads;
    case 'N':
      return model.head_size;
    case 'm':
      return model.rank_mix;
    case 'w':
      return model.rank_decay;
    case 'a':
      return model.rank_iclr;
    case 'v':
      return model.rank_value;
    default:
      return model.rank_gate;
  }
}

skein_backend_model Describe(const SyntheticShape& shape) {
  const uint32_t d_att = shape.d_att == 0 ? shape.d_model : shape.d_att;
  return {.struct_size = sizeof(skein_backend_model),
          .generation = shape.generation,
          .variant = shape.variant,
          .num_layers = shape.num_layers,
          .d_model = shape.d_model,
          .d_att = d_att,
          .d_ffn = shape.d_ffn,
          .vocab_size = shape.vocab_size,
          .num_heads = shape.head_size == 0 ? 0 : d_att / shape.head_size,
          .head_size = shape.head_size,
          .rank_decay = shape.rank_decay,
          .rank_iclr = shape.rank_iclr,
          .rank_value = shape.rank_value,
          .rank_gate = shape.rank_gate,
          .norm_epsilon = 1e-5f,
          .group_norm_epsilon = shape.group_norm_epsilon,
          .rank_mix = shape.rank_mix};
}

}  // namespace

skein_tensor SyntheticTensor::Describe() const {
  skein_tensor tensor = {};
  tensor.struct_size = sizeof(tensor);
  tensor.role = role;
  tensor.layer = layer;
  tensor.dtype = dtype;
  tensor.num_dims = static_cast<uint32_t>(shape.size());
  for (size_t i = 0; i < shape.size(); ++i) tensor.shape[i] = shape[i];
  tensor.data = data.data();
  tensor.size_bytes = data.size();
  return tensor;
}

SyntheticModel::SyntheticModel(const SyntheticShape& shape, uint64_t seed) : model_(conformance::Describe(shape)) {
  Random random(seed);
  size_t num_matrices = 0;
  const uint32_t version = VersionBit(shape.generation, shape.variant);

  const auto add = [&](const RoleSpec& spec, uint32_t layer) {
    const bool is_matrix = spec.kind == kMatrix;
    SyntheticTensor tensor = {
        .role = spec.role,
        .layer = layer,
        .dtype = is_matrix ? shape.matrix_types[num_matrices++ % shape.matrix_types.size()] : uint32_t{SKEIN_DTYPE_F32},
        .shape = {},
        .data = {},
        .values = {}};
    uint64_t size = 1;
    for (const char letter : spec.shape) {
      tensor.shape.push_back(Dimension(model_, letter));
      size *= tensor.shape.back();
    }
    const double deviation =
        is_matrix ? spec.deviation / std::sqrt(static_cast<double>(tensor.shape.back())) : spec.deviation;
    tensor.values.reserve(size);
    for (uint64_t i = 0; i < size; ++i) {
      tensor.values.push_back(Append(tensor.dtype, spec.mean + deviation * random.Normal(), tensor.data));
    }
    index_[{spec.role, layer}] = tensors_.size();
    tensors_.push_back(std::move(tensor));
  };

  for (uint32_t layer = 0; layer < shape.num_layers; ++layer) {
    for (const RoleSpec& spec : kRoles) {
      const bool is_here = spec.where == kEvery || (spec.where == kOnce) == (layer == 0);
      if (is_here && (spec.versions & version) != 0) add(spec, layer);
    }
  }
}

void SyntheticModel::Change(uint32_t role, uint32_t layer, const std::function<double(size_t, double)>& change) {
  SyntheticTensor& tensor = tensors_[index_.at({role, layer})];
  tensor.data.clear();
  for (size_t i = 0; i < tensor.values.size(); ++i) {
    tensor.values[i] = Append(tensor.dtype, change(i, tensor.values[i]), tensor.data);
  }
}

void SyntheticModel::Overwrite(uint32_t role, uint32_t layer, size_t begin, size_t end, float value) {
  Change(role, layer, [=](size_t i, double old) { return i >= begin && i < end ? double{value} : old; });
}

void SyntheticModel::Scale(uint32_t role, uint32_t layer, float power_of_two) {
  Change(role, layer, [=](size_t, double old) { return old * power_of_two; });
}

std::vector<uint32_t> SyntheticTokens(uint32_t count, uint32_t vocab_size, uint64_t seed) {
  Random random(seed);
  std::vector<uint32_t> tokens(count);
  for (uint32_t& token : tokens) token = static_cast<uint32_t>(random.Next() % vocab_size);
  return tokens;
}

}  // namespace skein::conformance
