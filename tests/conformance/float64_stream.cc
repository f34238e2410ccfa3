#include "tests/conformance/float64_stream.h"

#include <algorithm>
#include <cmath>

#include "tests/conformance/rwkv4_float64.h"
#include "tests/conformance/rwkv5_float64.h"
#include "tests/conformance/rwkv6_float64.h"
#include "tests/conformance/rwkv7_float64.h"

namespace skein::conformance {
namespace {

void AddTo(Float64Stream::Vector& x, const Float64Stream::Vector& y) {
  for (size_t c = 0; c < x.size(); ++c) x[c] += y[c];
}

}  // namespace

std::unique_ptr<Float64Stream> Float64Stream::Make(const SyntheticModel& model, ProductInputs inputs) {
  switch (model.model().generation) {
    case 4:
      return std::make_unique<Rwkv4Float64>(model, inputs);
    case 5:
      return std::make_unique<Rwkv5Float64>(model, inputs);
    case 6:
      return std::make_unique<Rwkv6Float64>(model, inputs);
    default:
      return std::make_unique<Rwkv7Float64>(model, inputs);
  }
}

Float64Stream::Float64Stream(const SyntheticModel& model, ProductInputs inputs)
    : model_(model),
      inputs_(inputs),
      time_shift_(m().num_layers, Vector(m().d_model, 0)),
      channel_shift_(time_shift_) {}

void Float64Stream::Feed(uint32_t token) {
  const Vector& table = values(SKEIN_ROLE_EMBEDDING, 0);
  const auto row = table.begin() + static_cast<ptrdiff_t>(size_t{token} * m().d_model);
  Vector x(row, row + m().d_model);
  x = LayerNorm(x, SKEIN_ROLE_EMBEDDING_NORM_W, SKEIN_ROLE_EMBEDDING_NORM_B, 0);
  for (uint32_t i = 0; i < m().num_layers; ++i) {
    Vector normed = LayerNorm(x, SKEIN_ROLE_TIME_NORM_W, SKEIN_ROLE_TIME_NORM_B, i);
    AddTo(x, TimeMix(i, normed, time_shift_[i]));
    time_shift_[i] = normed;
    normed = LayerNorm(x, SKEIN_ROLE_CHANNEL_NORM_W, SKEIN_ROLE_CHANNEL_NORM_B, i);
    AddTo(x, ChannelMix(i, normed, channel_shift_[i]));
    channel_shift_[i] = normed;
  }
  hidden_ = LayerNorm(x, SKEIN_ROLE_OUTPUT_NORM_W, SKEIN_ROLE_OUTPUT_NORM_B, 0);
  logits_ = Product(SKEIN_ROLE_HEAD, 0, hidden_);
}

Float64Stream::Vector Float64Stream::State() const {
  Vector state;
  for (uint32_t i = 0; i < m().num_layers; ++i) {
    for (const Vector& part : {time_shift_[i], channel_shift_[i], Memory(i)}) {
      state.insert(state.end(), part.begin(), part.end());
    }
  }
  return state;
}

double Float64Stream::Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

double Float64Stream::Rounded(double value) const {
  if (inputs_ == ProductInputs::kExact || value == 0) return value;
  int exponent = 0;
  const double fraction = std::frexp(value, &exponent);
  const bool is_f16 = inputs_ == ProductInputs::kF16;
  // Of the significand, the leading one included. A binary16 below the normal ones has fewer.
  const int bits = is_f16 ? 11 + std::min(0, exponent + 13) : 8;
  return std::ldexp(std::nearbyint(std::ldexp(fraction, bits)), exponent - bits);
}

Float64Stream::Vector Float64Stream::LayerNorm(const Vector& x, uint32_t weight_role, uint32_t bias_role,
                                               uint32_t layer) const {
  return NormGroups(x, x.size(), values(weight_role, layer), values(bias_role, layer), 1e-5);
}

Float64Stream::Vector Float64Stream::NormHeads(uint32_t layer, const Vector& x) const {
  return NormGroups(x, m().head_size, values(SKEIN_ROLE_TIME_GROUP_NORM_W, layer),
                    values(SKEIN_ROLE_TIME_GROUP_NORM_B, layer), m().group_norm_epsilon);
}

Float64Stream::Vector Float64Stream::NormGroups(const Vector& x, size_t group, const Vector& weight, const Vector& bias,
                                                double epsilon) {
  Vector out(x.size());
  for (size_t first = 0; first < x.size(); first += group) {
    double mean = 0, variance = 0;
    for (size_t c = first; c < first + group; ++c) mean += x[c] / static_cast<double>(group);
    for (size_t c = first; c < first + group; ++c)
      variance += (x[c] - mean) * (x[c] - mean) / static_cast<double>(group);
    for (size_t c = first; c < first + group; ++c) {
      out[c] = (x[c] - mean) / std::sqrt(variance + epsilon) * weight[c] + bias[c];
    }
  }
  return out;
}

Float64Stream::Vector Float64Stream::Product(uint32_t role, uint32_t layer, const Vector& x) const {
  const Vector& weights = values(role, layer);
  Vector in(x.size());
  for (size_t c = 0; c < x.size(); ++c) in[c] = Rounded(x[c]);
  Vector out(weights.size() / in.size(), 0);
  for (size_t o = 0; o < out.size(); ++o) {
    for (size_t c = 0; c < in.size(); ++c) out[o] += weights[o * in.size() + c] * in[c];
  }
  return out;
}

Float64Stream::Vector Float64Stream::MixedFromPrevious(uint32_t role, uint32_t layer, const Vector& x,
                                                       const Vector& previous) const {
  const Vector& mix = values(role, layer);
  Vector out(x.size());
  for (size_t c = 0; c < x.size(); ++c) out[c] = x[c] + (previous[c] - x[c]) * mix[c];
  return out;
}

Float64Stream::Vector Float64Stream::MixedFromCurrent(uint32_t role, uint32_t layer, const Vector& x,
                                                      const Vector& previous) const {
  return MixedFromPrevious(role, layer, previous, x);
}

Float64Stream::Vector Float64Stream::SquaredReluMlp(uint32_t layer, const Vector& xk) const {
  Vector hidden = Product(SKEIN_ROLE_CHANNEL_KEY, layer, xk);
  for (double& value : hidden) value = value > 0 ? value * value : 0;
  return Product(SKEIN_ROLE_CHANNEL_VALUE, layer, hidden);
}

Float64Stream::Vector Float64Stream::GatedChannelMix(uint32_t layer, const Vector& xk, const Vector& xr) const {
  Vector out = SquaredReluMlp(layer, xk);
  const Vector r = Product(SKEIN_ROLE_CHANNEL_RECEPTANCE, layer, xr);
  for (size_t c = 0; c < out.size(); ++c) out[c] *= Sigmoid(r[c]);
  return out;
}

}  // namespace skein::conformance
