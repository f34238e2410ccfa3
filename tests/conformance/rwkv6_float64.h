// RWKV-6 in float64.
#ifndef SKEIN_TESTS_CONFORMANCE_RWKV6_FLOAT64_H_
#define SKEIN_TESTS_CONFORMANCE_RWKV6_FLOAT64_H_

#include <cmath>
#include <cstdint>
#include <vector>

#include "tests/conformance/float64_stream.h"
#include "tests/conformance/outer_products.h"

namespace skein::conformance {

class Rwkv6Float64 : public Float64Stream {
 public:
  Rwkv6Float64(const SyntheticModel& model, ProductInputs inputs)
      : Float64Stream(model, inputs), memories_(m().num_layers, OuterProducts(m().head_size)) {}

 protected:
  Vector TimeMix(uint32_t i, const Vector& x, const Vector& previous) override {
    const Vector z = MixedFromPrevious(SKEIN_ROLE_V6_MIX_X, i, x, previous);
    // How much of the token before goes into an input depends on both tokens.
    const auto mixed = [&](uint32_t mix_role, uint32_t down_role, uint32_t up_role) {
      Vector share = Product(up_role, i, Tanh(Product(down_role, i, z)));
      const Vector& mix = values(mix_role, i);
      for (size_t c = 0; c < share.size(); ++c) share[c] = x[c] + (previous[c] - x[c]) * (mix[c] + share[c]);
      return share;
    };
    const Vector xw = mixed(SKEIN_ROLE_V6_MIX_W, SKEIN_ROLE_V6_MIX_DOWN_W, SKEIN_ROLE_V6_MIX_UP_W);
    const Vector xk = mixed(SKEIN_ROLE_V6_MIX_K, SKEIN_ROLE_V6_MIX_DOWN_K, SKEIN_ROLE_V6_MIX_UP_K);
    const Vector xv = mixed(SKEIN_ROLE_V6_MIX_V, SKEIN_ROLE_V6_MIX_DOWN_V, SKEIN_ROLE_V6_MIX_UP_V);
    const Vector xr = mixed(SKEIN_ROLE_V6_MIX_R, SKEIN_ROLE_V6_MIX_DOWN_R, SKEIN_ROLE_V6_MIX_UP_R);
    const Vector xg = mixed(SKEIN_ROLE_V6_MIX_G, SKEIN_ROLE_V6_MIX_DOWN_G, SKEIN_ROLE_V6_MIX_UP_G);

    Vector decay = Product(SKEIN_ROLE_V6_DECAY_UP, i, Tanh(Product(SKEIN_ROLE_V6_DECAY_DOWN, i, xw)));
    for (size_t c = 0; c < decay.size(); ++c) {
      decay[c] = std::exp(-std::exp(values(SKEIN_ROLE_V6_DECAY_BIAS, i)[c] + decay[c]));
    }
    Vector y =
        NormHeads(i, memories_[i].Step(Product(SKEIN_ROLE_TIME_RECEPTANCE, i, xr), Product(SKEIN_ROLE_TIME_KEY, i, xk),
                                       Product(SKEIN_ROLE_TIME_VALUE, i, xv), decay, values(SKEIN_ROLE_V5_BONUS, i)));
    const Vector g = Product(SKEIN_ROLE_TIME_GATE, i, xg);
    for (size_t c = 0; c < y.size(); ++c) y[c] *= g[c] * Sigmoid(g[c]);
    return Product(SKEIN_ROLE_TIME_OUTPUT, i, y);
  }

  Vector ChannelMix(uint32_t i, const Vector& x, const Vector& previous) override {
    return GatedChannelMix(i, MixedFromPrevious(SKEIN_ROLE_V6_CHANNEL_MIX_K, i, x, previous),
                           MixedFromPrevious(SKEIN_ROLE_V6_CHANNEL_MIX_R, i, x, previous));
  }

  Vector Memory(uint32_t i) const override { return memories_[i].Sum(); }

 private:
  static Vector Tanh(Vector x) {
    for (double& value : x) value = std::tanh(value);
    return x;
  }

  std::vector<OuterProducts> memories_;  // by layer
};

}  // namespace skein::conformance

#endif  // SKEIN_TESTS_CONFORMANCE_RWKV6_FLOAT64_H_
