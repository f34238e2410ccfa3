// RWKV-7 in float64, one token at a time, written from the published equations and sharing no code with any backend:
// what the conformance tests compare with.
#ifndef SKEIN_TESTS_CONFORMANCE_RWKV7_FLOAT64_H_
#define SKEIN_TESTS_CONFORMANCE_RWKV7_FLOAT64_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/conformance/synthetic_rwkv7.h"

namespace skein::conformance {

// Whether the inputs of every matrix product are rounded to bf16 first, as compute type BF16 does.
enum class ProductInputs { kExact, kBf16 };

// One stream. The model outlives it.
class Rwkv7Float64 {
 public:
  using Vector = std::vector<double>;

  explicit Rwkv7Float64(const SyntheticRwkv7& model, ProductInputs inputs = ProductInputs::kExact)
      : model_(model), m_(model.model()), inputs_(inputs) {
    layers_.resize(m_.num_layers);
    for (Layer& layer : layers_) {
      layer.time_shift.assign(m_.d_model, 0);
      layer.channel_shift.assign(m_.d_model, 0);
      layer.wkv.assign(size_t{m_.d_model} * m_.head_size, 0);
    }
  }

  // Feeds one token. Afterwards hidden() and logits() are of this token.
  void Feed(uint32_t token) {
    const Vector& table = model_.values(SKEIN_ROLE_EMBEDDING);
    Vector x(table.begin() + size_t{token} * m_.d_model, table.begin() + (size_t{token} + 1) * m_.d_model);
    x = LayerNorm(x, SKEIN_ROLE_EMBEDDING_NORM_W, SKEIN_ROLE_EMBEDDING_NORM_B, 0);
    for (uint32_t i = 0; i < m_.num_layers; ++i) {
      AddTo(x, TimeMix(i, LayerNorm(x, SKEIN_ROLE_TIME_NORM_W, SKEIN_ROLE_TIME_NORM_B, i)));
      AddTo(x, ChannelMix(i, LayerNorm(x, SKEIN_ROLE_CHANNEL_NORM_W, SKEIN_ROLE_CHANNEL_NORM_B, i)));
    }
    hidden_ = LayerNorm(x, SKEIN_ROLE_OUTPUT_NORM_W, SKEIN_ROLE_OUTPUT_NORM_B, 0);
    logits_ = Product(SKEIN_ROLE_HEAD, 0, hidden_);
  }

  const Vector& hidden() const { return hidden_; }
  const Vector& logits() const { return logits_; }

  // In the canonical layout.
  Vector State() const {
    Vector state;
    for (const Layer& layer : layers_) {
      state.insert(state.end(), layer.time_shift.begin(), layer.time_shift.end());
      state.insert(state.end(), layer.channel_shift.begin(), layer.channel_shift.end());
      state.insert(state.end(), layer.wkv.begin(), layer.wkv.end());
    }
    return state;
  }

 private:
  struct Layer {
    Vector time_shift, channel_shift;
    Vector wkv;  // [head][value][key]
  };

  static double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
  static void AddTo(Vector& x, const Vector& y) {
    for (size_t c = 0; c < x.size(); ++c) x[c] += y[c];
  }

  double Rounded(double value) const {
    if (inputs_ == ProductInputs::kExact || value == 0) return value;
    int exponent = 0;
    const double fraction = std::frexp(value, &exponent);
    return std::ldexp(std::nearbyint(std::ldexp(fraction, 8)), exponent - 8);
  }

  Vector LayerNorm(const Vector& x, uint32_t weight_role, uint32_t bias_role, uint32_t layer) const {
    return NormGroups(x, x.size(), model_.values(weight_role, layer), model_.values(bias_role, layer), 1e-5);
  }

  static Vector NormGroups(const Vector& x, size_t group, const Vector& weight, const Vector& bias, double epsilon) {
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

  Vector Product(uint32_t role, uint32_t layer, const Vector& x) const {
    const Vector& weights = model_.values(role, layer);
    Vector in(x.size());
    for (size_t c = 0; c < x.size(); ++c) in[c] = Rounded(x[c]);
    Vector out(weights.size() / in.size(), 0);
    for (size_t o = 0; o < out.size(); ++o) {
      for (size_t c = 0; c < in.size(); ++c) out[o] += weights[o * in.size() + c] * in[c];
    }
    return out;
  }

  Vector Mixed(uint32_t role, uint32_t layer, const Vector& x, const Vector& previous) const {
    const Vector& mix = model_.values(role, layer);
    Vector out(x.size());
    for (size_t c = 0; c < x.size(); ++c) out[c] = x[c] + (previous[c] - x[c]) * mix[c];
    return out;
  }

  Vector TimeMix(uint32_t i, const Vector& x) {
    Layer& layer = layers_[i];
    const size_t C = m_.d_model, N = m_.head_size;
    const auto mixed = [&](uint32_t role) { return Mixed(role, i, x, layer.time_shift); };
    const Vector r = Product(SKEIN_ROLE_TIME_RECEPTANCE, i, mixed(SKEIN_ROLE_V7_MIX_R));
    Vector k = Product(SKEIN_ROLE_TIME_KEY, i, mixed(SKEIN_ROLE_V7_MIX_K));
    const Vector xv = mixed(SKEIN_ROLE_V7_MIX_V);
    Vector v = Product(SKEIN_ROLE_TIME_VALUE, i, xv);

    Vector down = Product(SKEIN_ROLE_V7_DECAY_DOWN, i, mixed(SKEIN_ROLE_V7_MIX_W));
    for (double& value : down) value = std::tanh(value);
    Vector w = Product(SKEIN_ROLE_V7_DECAY_UP, i, down);
    const Vector& w0 = model_.values(SKEIN_ROLE_V7_DECAY_BIAS, i);
    for (size_t c = 0; c < C; ++c) w[c] = std::exp(-std::exp(-0.5) * Sigmoid(w0[c] + w[c]));

    Vector a = Product(SKEIN_ROLE_V7_ICLR_UP, i, Product(SKEIN_ROLE_V7_ICLR_DOWN, i, mixed(SKEIN_ROLE_V7_MIX_A)));
    const Vector& a0 = model_.values(SKEIN_ROLE_V7_ICLR_BIAS, i);
    for (size_t c = 0; c < C; ++c) a[c] = Sigmoid(a0[c] + a[c]);

    down = Product(SKEIN_ROLE_V7_GATE_DOWN, i, mixed(SKEIN_ROLE_V7_MIX_G));
    for (double& value : down) value = Sigmoid(value);
    const Vector g = Product(SKEIN_ROLE_V7_GATE_UP, i, down);

    Vector kk(C);
    const Vector& k_k = model_.values(SKEIN_ROLE_V7_KEY_K, i);
    const Vector& k_a = model_.values(SKEIN_ROLE_V7_KEY_A, i);
    for (size_t first = 0; first < C; first += N) {
      double length = 0;
      for (size_t c = first; c < first + N; ++c) length += k[c] * k_k[c] * k[c] * k_k[c];
      length = std::max(std::sqrt(length), 1e-12);
      for (size_t c = first; c < first + N; ++c) kk[c] = k[c] * k_k[c] / length;
    }
    for (size_t c = 0; c < C; ++c) k[c] *= 1 + (a[c] - 1) * k_a[c];

    if (i == 0) {
      v_first_ = v;
    } else {
      const Vector gate = Product(SKEIN_ROLE_V7_VALUE_UP, i, Product(SKEIN_ROLE_V7_VALUE_DOWN, i, xv));
      const Vector& v0 = model_.values(SKEIN_ROLE_V7_VALUE_BIAS, i);
      for (size_t c = 0; c < C; ++c) v[c] += (v_first_[c] - v[c]) * Sigmoid(v0[c] + gate[c]);
    }

    Vector y(C);
    for (size_t first = 0; first < C; first += N) {
      for (size_t row = 0; row < N; ++row) {
        double* s = layer.wkv.data() + (first + row) * N;
        double sa = 0;
        for (size_t j = 0; j < N; ++j) sa -= s[j] * kk[first + j];
        for (size_t j = 0; j < N; ++j) {
          s[j] = s[j] * w[first + j] + sa * kk[first + j] * a[first + j] + v[first + row] * k[first + j];
          y[first + row] += s[j] * r[first + j];
        }
      }
    }
    y = NormGroups(y, N, model_.values(SKEIN_ROLE_TIME_GROUP_NORM_W, i), model_.values(SKEIN_ROLE_TIME_GROUP_NORM_B, i),
                   64e-5);
    const Vector& bonus = model_.values(SKEIN_ROLE_V7_BONUS, i);
    for (size_t first = 0; first < C; first += N) {
      double weight = 0;
      for (size_t c = first; c < first + N; ++c) weight += r[c] * k[c] * bonus[c];
      for (size_t c = first; c < first + N; ++c) y[c] = (y[c] + weight * v[c]) * g[c];
    }
    layer.time_shift = x;
    return Product(SKEIN_ROLE_TIME_OUTPUT, i, y);
  }

  Vector ChannelMix(uint32_t i, const Vector& x) {
    Vector hidden =
        Product(SKEIN_ROLE_CHANNEL_KEY, i, Mixed(SKEIN_ROLE_V7_CHANNEL_MIX, i, x, layers_[i].channel_shift));
    for (double& value : hidden) value = value > 0 ? value * value : 0;
    layers_[i].channel_shift = x;
    return Product(SKEIN_ROLE_CHANNEL_VALUE, i, hidden);
  }

  const SyntheticRwkv7& model_;
  const skein_backend_model& m_;
  const ProductInputs inputs_;
  std::vector<Layer> layers_;
  Vector v_first_;
  Vector hidden_, logits_;
};

}  // namespace skein::conformance

#endif  // SKEIN_TESTS_CONFORMANCE_RWKV7_FLOAT64_H_
