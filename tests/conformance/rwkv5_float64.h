// RWKV-5.0, 5.1 and 5.2 in float64.
#ifndef SKEIN_TESTS_CONFORMANCE_RWKV5_FLOAT64_H_
#define SKEIN_TESTS_CONFORMANCE_RWKV5_FLOAT64_H_

#include <cmath>
#include <cstdint>
#include <vector>

#include "tests/conformance/float64_stream.h"
#include "tests/conformance/outer_products.h"

namespace skein::conformance {

class Rwkv5Float64 : public Float64Stream {
 public:
  Rwkv5Float64(const SyntheticModel& model, ProductInputs inputs)
      : Float64Stream(model, inputs), memories_(m().num_layers, OuterProducts(m().head_size)) {}

 protected:
  Vector TimeMix(uint32_t i, const Vector& x, const Vector& previous) override {
    const auto mixed = [&](uint32_t role) { return MixedFromCurrent(role, i, x, previous); };
    const Vector r = Product(SKEIN_ROLE_TIME_RECEPTANCE, i, mixed(SKEIN_ROLE_V4_MIX_R));
    const Vector k = Product(SKEIN_ROLE_TIME_KEY, i, mixed(SKEIN_ROLE_V4_MIX_K));
    const Vector v = Product(SKEIN_ROLE_TIME_VALUE, i, mixed(SKEIN_ROLE_V4_MIX_V));
    Vector decay(m().d_att), bonus(m().d_att);
    const uint32_t shared_by = m().variant == 2 ? 1 : m().head_size;  // channels with one value
    for (uint32_t c = 0; c < m().d_att; ++c) {
      decay[c] = std::exp(-std::exp(values(SKEIN_ROLE_V5_DECAY, i)[c / shared_by]));
      bonus[c] = values(SKEIN_ROLE_V5_BONUS, i)[c / shared_by];
      if (m().variant == 0) bonus[c] = std::exp(bonus[c]);
    }
    Vector y = NormHeads(i, memories_[i].Step(r, k, v, decay, bonus));
    if (m().variant > 0) {
      const Vector g = Product(SKEIN_ROLE_TIME_GATE, i, mixed(SKEIN_ROLE_V5_MIX_G));
      for (size_t c = 0; c < y.size(); ++c) y[c] *= g[c] * Sigmoid(g[c]);
    }
    return Product(SKEIN_ROLE_TIME_OUTPUT, i, y);
  }

  Vector ChannelMix(uint32_t i, const Vector& x, const Vector& previous) override {
    return GatedChannelMix(i, MixedFromCurrent(SKEIN_ROLE_V4_CHANNEL_MIX_K, i, x, previous),
                           MixedFromCurrent(SKEIN_ROLE_V4_CHANNEL_MIX_R, i, x, previous));
  }

  Vector Memory(uint32_t i) const override { return memories_[i].Sum(); }

 private:
  std::vector<OuterProducts> memories_;  // by layer
};

}  // namespace skein::conformance

#endif  // SKEIN_TESTS_CONFORMANCE_RWKV5_FLOAT64_H_
