// RWKV-7 in float64, by its recurrence.
#ifndef SKEIN_TESTS_CONFORMANCE_RWKV7_FLOAT64_H_
#define SKEIN_TESTS_CONFORMANCE_RWKV7_FLOAT64_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/conformance/float64_stream.h"

namespace skein::conformance {

class Rwkv7Float64 : public Float64Stream {
 public:
  Rwkv7Float64(const SyntheticModel& model, ProductInputs inputs)
      : Float64Stream(model, inputs), wkv_(m().num_layers, Vector(size_t{m().d_model} * m().head_size, 0)) {}

 protected:
  Vector TimeMix(uint32_t i, const Vector& x, const Vector& previous) override {
    const size_t C = m().d_model, N = m().head_size;
    const auto mixed = [&](uint32_t role) { return MixedFromPrevious(role, i, x, previous); };
    const Vector r = Product(SKEIN_ROLE_TIME_RECEPTANCE, i, mixed(SKEIN_ROLE_V7_MIX_R));
    Vector k = Product(SKEIN_ROLE_TIME_KEY, i, mixed(SKEIN_ROLE_V7_MIX_K));
    const Vector xv = mixed(SKEIN_ROLE_V7_MIX_V);
    Vector v = Product(SKEIN_ROLE_TIME_VALUE, i, xv);

    Vector down = Product(SKEIN_ROLE_V7_DECAY_DOWN, i, mixed(SKEIN_ROLE_V7_MIX_W));
    for (double& value : down) value = std::tanh(value);
    Vector w = Product(SKEIN_ROLE_V7_DECAY_UP, i, down);
    const Vector& w0 = values(SKEIN_ROLE_V7_DECAY_BIAS, i);
    for (size_t c = 0; c < C; ++c) w[c] = std::exp(-std::exp(-0.5) * Sigmoid(w0[c] + w[c]));

    Vector a = Product(SKEIN_ROLE_V7_ICLR_UP, i, Product(SKEIN_ROLE_V7_ICLR_DOWN, i, mixed(SKEIN_ROLE_V7_MIX_A)));
    const Vector& a0 = values(SKEIN_ROLE_V7_ICLR_BIAS, i);
    for (size_t c = 0; c < C; ++c) a[c] = Sigmoid(a0[c] + a[c]);

    down = Product(SKEIN_ROLE_V7_GATE_DOWN, i, mixed(SKEIN_ROLE_V7_MIX_G));
    for (double& value : down) value = Sigmoid(value);
    const Vector g = Product(SKEIN_ROLE_V7_GATE_UP, i, down);

    Vector kk(C);
    const Vector& k_k = values(SKEIN_ROLE_V7_KEY_K, i);
    const Vector& k_a = values(SKEIN_ROLE_V7_KEY_A, i);
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
      const Vector& v0 = values(SKEIN_ROLE_V7_VALUE_BIAS, i);
      for (size_t c = 0; c < C; ++c) v[c] += (v_first_[c] - v[c]) * Sigmoid(v0[c] + gate[c]);
    }

    Vector y(C);
    for (size_t first = 0; first < C; first += N) {
      for (size_t row = 0; row < N; ++row) {
        double* s = wkv_[i].data() + (first + row) * N;
        double sa = 0;
        for (size_t j = 0; j < N; ++j) sa -= s[j] * kk[first + j];
        for (size_t j = 0; j < N; ++j) {
          s[j] = s[j] * w[first + j] + sa * kk[first + j] * a[first + j] + v[first + row] * k[first + j];
          y[first + row] += s[j] * r[first + j];
        }
      }
    }
    y = NormHeads(i, y);
    const Vector& bonus = values(SKEIN_ROLE_V7_BONUS, i);
    for (size_t first = 0; first < C; first += N) {
      double weight = 0;
      for (size_t c = first; c < first + N; ++c) weight += r[c] * k[c] * bonus[c];
      for (size_t c = first; c < first + N; ++c) y[c] = (y[c] + weight * v[c]) * g[c];
    }
    return Product(SKEIN_ROLE_TIME_OUTPUT, i, y);
  }

  Vector ChannelMix(uint32_t i, const Vector& x, const Vector& previous) override {
    return SquaredReluMlp(i, MixedFromPrevious(SKEIN_ROLE_V7_CHANNEL_MIX, i, x, previous));
  }

  Vector Memory(uint32_t i) const override { return wkv_[i]; }

 private:
  std::vector<Vector> wkv_;  // by layer: [head][value][key]
  Vector v_first_;
};

}  // namespace skein::conformance

#endif  // SKEIN_TESTS_CONFORMANCE_RWKV7_FLOAT64_H_
