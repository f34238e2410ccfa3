#include "tests/conformance/synthetic_rwkv7.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <numbers>

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

SyntheticRwkv7::SyntheticRwkv7(const SyntheticShape& shape, uint64_t seed)
    : model_{.struct_size = sizeof(skein_backend_model),
             .generation = 7,
             .variant = 0,
             .num_layers = shape.num_layers,
             .d_model = shape.d_model,
             .d_att = shape.d_model,
             .d_ffn = shape.d_ffn,
             .vocab_size = shape.vocab_size,
             .num_heads = shape.d_model / shape.head_size,
             .head_size = shape.head_size,
             .rank_decay = shape.rank_decay,
             .rank_iclr = shape.rank_iclr,
             .rank_value = shape.rank_value,
             .rank_gate = shape.rank_gate,
             .norm_epsilon = 1e-5f,
             .group_norm_epsilon = 64e-5f} {
  Random random(seed);
  const uint64_t C = shape.d_model, F = shape.d_ffn, V = shape.vocab_size, N = shape.head_size;
  size_t num_matrices = 0;

  const auto add = [&](uint32_t role, uint32_t layer, uint32_t dtype, const std::vector<uint64_t>& dims, double mean,
                       double deviation) {
    SyntheticTensor tensor = {.role = role, .layer = layer, .dtype = dtype, .shape = dims, .data = {}, .values = {}};
    uint64_t size = 1;
    for (const uint64_t dim : dims) size *= dim;
    tensor.values.reserve(size);
    for (uint64_t i = 0; i < size; ++i) {
      tensor.values.push_back(Append(dtype, mean + deviation * random.Normal(), tensor.data));
    }
    index_[{role, layer}] = tensors_.size();
    tensors_.push_back(std::move(tensor));
  };
  const auto matrix = [&](uint32_t role, uint32_t layer, uint64_t out, uint64_t in, double gain = 1) {
    const uint32_t dtype = shape.matrix_types[num_matrices++ % shape.matrix_types.size()];
    add(role, layer, dtype, {out, in}, 0, gain / std::sqrt(static_cast<double>(in)));
  };
  const auto vector = [&](uint32_t role, uint32_t layer, double mean, double deviation) {
    add(role, layer, SKEIN_DTYPE_F32, {C}, mean, deviation);
  };

  matrix(SKEIN_ROLE_EMBEDDING, 0, V, C, std::sqrt(static_cast<double>(C)));
  vector(SKEIN_ROLE_EMBEDDING_NORM_W, 0, 1, 0.1);
  vector(SKEIN_ROLE_EMBEDDING_NORM_B, 0, 0, 0.1);
  for (uint32_t i = 0; i < shape.num_layers; ++i) {
    vector(SKEIN_ROLE_TIME_NORM_W, i, 1, 0.1);
    vector(SKEIN_ROLE_TIME_NORM_B, i, 0, 0.1);
    for (uint32_t role : {SKEIN_ROLE_V7_MIX_R, SKEIN_ROLE_V7_MIX_W, SKEIN_ROLE_V7_MIX_K, SKEIN_ROLE_V7_MIX_V,
                          SKEIN_ROLE_V7_MIX_A, SKEIN_ROLE_V7_MIX_G}) {
      vector(role, i, 0.5, 0.3);
    }
    for (uint32_t role : {SKEIN_ROLE_TIME_RECEPTANCE, SKEIN_ROLE_TIME_KEY, SKEIN_ROLE_TIME_VALUE}) {
      matrix(role, i, C, C);
    }
    vector(SKEIN_ROLE_V7_DECAY_BIAS, i, -2, 2);  // memories from a few tokens to hundreds
    matrix(SKEIN_ROLE_V7_DECAY_DOWN, i, shape.rank_decay, C);
    matrix(SKEIN_ROLE_V7_DECAY_UP, i, C, shape.rank_decay);
    vector(SKEIN_ROLE_V7_ICLR_BIAS, i, 0, 1);
    matrix(SKEIN_ROLE_V7_ICLR_DOWN, i, shape.rank_iclr, C);
    matrix(SKEIN_ROLE_V7_ICLR_UP, i, C, shape.rank_iclr);
    if (i > 0) {
      vector(SKEIN_ROLE_V7_VALUE_BIAS, i, 0.5, 0.5);
      matrix(SKEIN_ROLE_V7_VALUE_DOWN, i, shape.rank_value, C);
      matrix(SKEIN_ROLE_V7_VALUE_UP, i, C, shape.rank_value);
    }
    matrix(SKEIN_ROLE_V7_GATE_DOWN, i, shape.rank_gate, C);
    matrix(SKEIN_ROLE_V7_GATE_UP, i, C, shape.rank_gate, 2);
    vector(SKEIN_ROLE_V7_KEY_K, i, 0.8, 0.2);
    vector(SKEIN_ROLE_V7_KEY_A, i, 1, 0.1);
    add(SKEIN_ROLE_V7_BONUS, i, SKEIN_DTYPE_F32, {C / N, N}, 0, 0.1);
    vector(SKEIN_ROLE_TIME_GROUP_NORM_W, i, 0.7, 0.2);
    vector(SKEIN_ROLE_TIME_GROUP_NORM_B, i, 0, 0.1);
    matrix(SKEIN_ROLE_TIME_OUTPUT, i, C, C);
    vector(SKEIN_ROLE_CHANNEL_NORM_W, i, 1, 0.1);
    vector(SKEIN_ROLE_CHANNEL_NORM_B, i, 0, 0.1);
    vector(SKEIN_ROLE_V7_CHANNEL_MIX, i, 0.5, 0.3);
    matrix(SKEIN_ROLE_CHANNEL_KEY, i, F, C);
    matrix(SKEIN_ROLE_CHANNEL_VALUE, i, C, F);
  }
  vector(SKEIN_ROLE_OUTPUT_NORM_W, 0, 1, 0.1);
  vector(SKEIN_ROLE_OUTPUT_NORM_B, 0, 0, 0.1);
  matrix(SKEIN_ROLE_HEAD, 0, V, C, 1.5);
}

void SyntheticRwkv7::Overwrite(uint32_t role, uint32_t layer, size_t begin, size_t end, float value) {
  SyntheticTensor& tensor = tensors_[index_.at({role, layer})];
  for (size_t i = begin; i < end; ++i) {
    tensor.values[i] = value;
    std::memcpy(tensor.data.data() + i * sizeof(float), &value, sizeof(value));
  }
}

std::vector<uint32_t> SyntheticTokens(uint32_t count, uint32_t vocab_size, uint64_t seed) {
  Random random(seed);
  std::vector<uint32_t> tokens(count);
  for (uint32_t& token : tokens) token = static_cast<uint32_t>(random.Next() % vocab_size);
  return tokens;
}

}  // namespace skein::conformance
