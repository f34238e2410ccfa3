#include "cuda/check/real_model.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>

#include "cuda/check/random_block.h"
#include "numbers/half.h"
#include "numbers/quantised.h"
#include "numbers/roles.h"
#include "numbers/state_layout.h"

namespace skein::check {
namespace {

constexpr uint32_t kHeadSize = 64;
constexpr uint32_t kVocabSize = 65536;
// Of the channel-mix's norm: a part of its rows that is the same for all tokens.
constexpr double kNormBias = 0.5;

// The place where the normal distribution has the share `share` below it.
double NormalQuantile(double share) {
  double low = -6, high = 6;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (std::erfc(-middle / std::sqrt(2.0)) / 2 < share ? low : high) = middle;
  }
  return low;
}

// The mean of key weights of deviation `deviation` that makes this share of a row's products negative. A row of the
// norm is `d_model` numbers of variance 1 around kNormBias, so that a product is normal with mean
// mean * bias * d_model and variance d_model * deviation^2 * (1 + bias^2).
double KeyMean(double zeros, double deviation, uint32_t d_model) {
  return -NormalQuantile(zeros) * deviation * std::sqrt(1 + kNormBias * kNormBias) / (kNormBias * std::sqrt(d_model));
}

float VectorValue(uint32_t role) {
  switch (role) {
    case SKEIN_ROLE_EMBEDDING_NORM_W:
    case SKEIN_ROLE_OUTPUT_NORM_W:
    case SKEIN_ROLE_TIME_NORM_W:
    case SKEIN_ROLE_CHANNEL_NORM_W:
    case SKEIN_ROLE_TIME_GROUP_NORM_W:
    case SKEIN_ROLE_V7_KEY_A:
      return 1;
    case SKEIN_ROLE_CHANNEL_NORM_B:
      return kNormBias;
    case SKEIN_ROLE_V7_DECAY_BIAS:
      return -2;
    case SKEIN_ROLE_V7_KEY_K:
      return 0.8f;
    case SKEIN_ROLE_V7_BONUS:
      return 0.1f;
    case SKEIN_ROLE_EMBEDDING_NORM_B:
    case SKEIN_ROLE_OUTPUT_NORM_B:
    case SKEIN_ROLE_TIME_NORM_B:
    case SKEIN_ROLE_TIME_GROUP_NORM_B:
    case SKEIN_ROLE_V7_ICLR_BIAS:
    case SKEIN_ROLE_V7_CHANNEL_MIX:  // the channel-mix sees the norm's rows as they are
      return 0;
    default:
      return 0.5f;
  }
}

// As libskein stores them in a model of this type: embedding and factors have at least 8 bits.
uint32_t TypeOf(uint32_t role, uint32_t weight_type) {
  const bool needs_8_bits = IsFactorRole(role) || role == SKEIN_ROLE_EMBEDDING;
  return weight_type == SKEIN_DTYPE_Q4 && needs_8_bits ? uint32_t{SKEIN_DTYPE_Q8} : weight_type;
}

uint64_t BytesOf(const RoleInfo& role, const skein_backend_model& model, uint32_t weight_type) {
  const std::vector<uint64_t> shape = RoleShape(role, model);
  return MatrixBytes(TypeOf(role.role, weight_type), shape[0], shape[1]);
}

skein_backend_model ModelOf(const RealShape& shape) {
  skein_backend_model model = {};
  model.struct_size = sizeof(model);
  model.generation = 7;
  model.num_layers = shape.num_layers;
  model.d_model = model.d_att = shape.d_model;
  model.d_ffn = 4 * shape.d_model;
  model.vocab_size = shape.vocab_size;
  model.num_heads = shape.d_model / kHeadSize;
  model.head_size = kHeadSize;
  model.rank_decay = shape.rank_decay;
  model.rank_iclr = shape.rank_iclr;
  model.rank_value = shape.rank_value;
  model.rank_gate = shape.rank_gate;
  model.norm_epsilon = 1e-5f;
  model.group_norm_epsilon = 64e-5f;
  return model;
}

}  // namespace

RealShape RealShapeOf(const std::string& name) {
  // name, L, C, V, ranks w a v g
  const RealShape shapes[] = {{"toy", 2, 128, 512, 32, 32, 32, 32},
                              {"0.1B", 12, 768, kVocabSize, 64, 64, 32, 128},
                              {"0.4B", 24, 1024, kVocabSize, 64, 64, 32, 128},
                              {"1.5B", 24, 2048, kVocabSize, 96, 96, 64, 256},
                              {"2.9B", 32, 2560, kVocabSize, 96, 96, 64, 320},
                              {"7.2B", 32, 4096, kVocabSize, 128, 128, 96, 480}};
  for (const RealShape& shape : shapes) {
    if (shape.name == name) return shape;
  }
  throw std::invalid_argument("no shape \"" + name + "\"");
}

RealModel::RealModel(const RealShape& shape, uint32_t weight_type, double zeros)
    : name_(shape.name), model_(ModelOf(shape)), weight_type_(weight_type), zeros_(zeros) {
  uint64_t matrix_bytes = 0, factor_bytes = 0, key_bytes = 0;
  for (const ExpectedTensor& tensor : ExpectedTensors(model_)) {
    const uint32_t role = tensor.role->role;
    if (!tensor.role->is_matrix) {
      const float value = VectorValue(role);
      if (!vectors_.contains(value)) vectors_[value].assign(model_.d_model, value);
      continue;
    }
    uint64_t& largest = role == SKEIN_ROLE_CHANNEL_KEY                       ? key_bytes
                        : IsFactorRole(role) || role == SKEIN_ROLE_EMBEDDING ? factor_bytes
                                                                             : matrix_bytes;
    largest = std::max(largest, BytesOf(*tensor.role, model_, weight_type_));
  }
  const double deviation = 1 / std::sqrt(model_.d_model);
  matrices_ = RandomBlock(weight_type_, matrix_bytes, 0, deviation, 1);
  factors_ = RandomBlock(TypeOf(SKEIN_ROLE_EMBEDDING, weight_type_), factor_bytes, 0, deviation, 2);
  keys_ = RandomBlock(weight_type_, key_bytes, KeyMean(zeros_, deviation, model_.d_model), deviation, 3);
}

const std::vector<uint8_t>& RealModel::BlockOf(uint32_t role) const {
  if (role == SKEIN_ROLE_CHANNEL_KEY) return keys_;
  return IsFactorRole(role) || role == SKEIN_ROLE_EMBEDDING ? factors_ : matrices_;
}

double RealModel::SampledZeros() const {
  constexpr uint64_t kNumRows = 256, kNumTokens = 8;
  const uint64_t d_model = model_.d_model, row_bytes = MatrixBytes(weight_type_, 1, d_model);
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  std::vector<double> tokens(kNumTokens * d_model);
  for (double& number : tokens) number = normal(random) + kNormBias;
  std::vector<float> row(d_model);
  uint64_t num_zeros = 0;
  for (uint64_t i = 0; i < kNumRows; ++i) {
    const uint8_t* from = keys_.data() + i * (model_.d_ffn / kNumRows) * row_bytes;
    if (IsQuantised(weight_type_)) {
      ExpandQuantised(weight_type_, from, 0, d_model, row.data());
    } else {
      ExpandFloats(weight_type_, from, d_model, row.data());
    }
    for (uint64_t token = 0; token < kNumTokens; ++token) {
      double product = 0;
      for (uint64_t c = 0; c < d_model; ++c) product += row[c] * tokens[token * d_model + c];
      if (product <= 0) ++num_zeros;
    }
  }
  return static_cast<double>(num_zeros) / (kNumRows * kNumTokens);
}

ModelCost RealModel::Cost() const {
  ModelCost cost;
  for (const ExpectedTensor& tensor : ExpectedTensors(model_)) {
    const uint32_t role = tensor.role->role;
    if (!tensor.role->is_matrix || role == SKEIN_ROLE_EMBEDDING) continue;
    const std::vector<uint64_t> shape = RoleShape(*tensor.role, model_);
    const auto bytes = static_cast<double>(BytesOf(*tensor.role, model_, weight_type_));
    cost.matrix_bytes += bytes;
    if (role == SKEIN_ROLE_CHANNEL_VALUE) cost.value_bytes += bytes;
    (role == SKEIN_ROLE_HEAD ? cost.head_multiplications : cost.multiplications) +=
        static_cast<double>(shape[0] * shape[1]);
  }
  cost.state_floats = static_cast<double>(StateFloats(model_));
  return cost;
}

std::vector<skein_tensor> RealModel::Tensors() const {
  std::vector<skein_tensor> tensors;
  for (const ExpectedTensor& expected : ExpectedTensors(model_)) {
    const RoleInfo& role = *expected.role;
    const std::vector<uint64_t> shape = RoleShape(role, model_);
    skein_tensor tensor = {};
    tensor.struct_size = sizeof(tensor);
    tensor.role = role.role;
    tensor.layer = expected.layer;
    tensor.flags = SKEIN_TENSOR_MAPPED;
    tensor.num_dims = static_cast<uint32_t>(shape.size());
    std::copy(shape.begin(), shape.end(), tensor.shape);
    if (role.is_matrix) {
      tensor.dtype = TypeOf(role.role, weight_type_);
      tensor.data = BlockOf(role.role).data();
      tensor.size_bytes = BytesOf(role, model_, weight_type_);
    } else {
      tensor.dtype = SKEIN_DTYPE_F32;
      tensor.data = vectors_.at(VectorValue(role.role)).data();
      tensor.size_bytes = uint64_t{4} * model_.d_model;
    }
    tensors.push_back(tensor);
  }
  return tensors;
}

}  // namespace skein::check
