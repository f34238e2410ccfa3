// RWKV-4 in float64: every output channel is an average of the values of all tokens so far.
#ifndef SKEIN_TESTS_CONFORMANCE_RWKV4_FLOAT64_H_
#define SKEIN_TESTS_CONFORMANCE_RWKV4_FLOAT64_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "tests/conformance/float64_stream.h"

namespace skein::conformance {

class Rwkv4Float64 : public Float64Stream {
 public:
  Rwkv4Float64(const SyntheticModel& model, ProductInputs inputs)
      : Float64Stream(model, inputs), layers_(m().num_layers) {}

 protected:
  Vector TimeMix(uint32_t i, const Vector& x, const Vector& previous) override {
    const Vector r = Product(SKEIN_ROLE_TIME_RECEPTANCE, i, MixedFromCurrent(SKEIN_ROLE_V4_MIX_R, i, x, previous));
    const Vector k = Product(SKEIN_ROLE_TIME_KEY, i, MixedFromCurrent(SKEIN_ROLE_V4_MIX_K, i, x, previous));
    const Vector v = Product(SKEIN_ROLE_TIME_VALUE, i, MixedFromCurrent(SKEIN_ROLE_V4_MIX_V, i, x, previous));
    const Vector& bonus = values(SKEIN_ROLE_V4_BONUS, i);
    Vector out(m().d_att);
    for (size_t c = 0; c < out.size(); ++c) {
      // The token itself has its bonus in place of a decay.
      Sums sums = SumOverPast(i, c, bonus[c] + k[c]);
      const double own = std::exp(bonus[c] + k[c] - sums.largest);
      out[c] = Sigmoid(r[c]) * (sums.numerator + own * v[c]) / (sums.denominator + own);
    }
    layers_[i].keys.push_back(k);
    layers_[i].values.push_back(v);
    return Product(SKEIN_ROLE_TIME_OUTPUT, i, out);
  }

  Vector ChannelMix(uint32_t i, const Vector& x, const Vector& previous) override {
    return GatedChannelMix(i, MixedFromCurrent(SKEIN_ROLE_V4_CHANNEL_MIX_K, i, x, previous),
                           MixedFromCurrent(SKEIN_ROLE_V4_CHANNEL_MIX_R, i, x, previous));
  }

  Vector Memory(uint32_t i) const override {
    Vector aa, bb, pp;
    for (size_t c = 0; c < m().d_att; ++c) {
      const Sums sums = SumOverPast(i, c, -INFINITY);
      aa.push_back(sums.numerator);
      bb.push_back(sums.denominator);
      pp.push_back(sums.largest);
    }
    aa.insert(aa.end(), bb.begin(), bb.end());
    aa.insert(aa.end(), pp.begin(), pp.end());
    return aa;
  }

 private:
  struct Layer {
    std::vector<Vector> keys, values;  // of all tokens
  };
  // Sums with the weights exp(exponent - largest).
  struct Sums {
    double numerator = 0, denominator = 0, largest;
  };

  // Over all tokens before, of channel c: exponent = (tokens between) * log of the decay + key. `largest` is at least
  // `at_least`.
  Sums SumOverPast(uint32_t i, size_t c, double at_least) const {
    const Layer& layer = layers_[i];
    const double log_decay = -std::exp(values(SKEIN_ROLE_V4_DECAY, i)[c]);
    const size_t count = layer.keys.size();
    const auto exponent = [&](size_t s) { return static_cast<double>(count - 1 - s) * log_decay + layer.keys[s][c]; };
    Sums sums = {.largest = at_least};
    for (size_t s = 0; s < count; ++s) sums.largest = std::max(sums.largest, exponent(s));
    for (size_t s = 0; s < count; ++s) {
      const double weight = std::exp(exponent(s) - sums.largest);
      sums.numerator += weight * layer.values[s][c];
      sums.denominator += weight;
    }
    return sums;
  }

  std::vector<Layer> layers_;
};

}  // namespace skein::conformance

#endif  // SKEIN_TESTS_CONFORMANCE_RWKV4_FLOAT64_H_
