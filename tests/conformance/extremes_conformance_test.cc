// Parameters at the ends of their ranges, which small random models do not have: memories that never fade or fade at
// once, keys whose exponentials do not fit a float, vectors without a direction.
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <vector>

#include "tests/conformance/backend_conformance.h"
#include "tests/conformance/model_conformance.h"
#include "tests/conformance/plugin_paths.h"

namespace skein::conformance {
namespace {

class ExtremesConformance : public ModelConformance {};

// exp(exp(100)) fits no float, and 1 - exp(-100) is 1 in every type.
TEST_P(ExtremesConformance, MemoriesFadeAtOnceOrNever) {
  const std::map<uint32_t, uint32_t> decay_roles = {
      {4, SKEIN_ROLE_V4_DECAY}, {5, SKEIN_ROLE_V5_DECAY}, {6, SKEIN_ROLE_V6_DECAY_BIAS}, {7, SKEIN_ROLE_V7_DECAY_BIAS}};
  const uint32_t role = decay_roles.at(shape().generation);
  for (uint32_t layer = 0; layer < shape().num_layers; ++layer) {
    const size_t count = model_.values(role, layer).size();
    model_.Overwrite(role, layer, 0, count / 3, 100);
    model_.Overwrite(role, layer, count / 3, 2 * count / 3, -100);
  }
  ExpectAgreementWithFloat64(120);
}

INSTANTIATE_TEST_SUITE_P(Backends, ExtremesConformance,
                         testing::Combine(testing::ValuesIn(PluginPaths()), testing::ValuesIn(AllShapes())),
                         ModelCaseName);

class Rwkv4Conformance : public ModelConformance {};

TEST_P(Rwkv4Conformance, ExponentialsOfLargeKeysDoNotOverflow) {
  // Keys up to about 100 and bonuses of 60: beyond 88, exp fits no float. In the last layer alone, because the rounding
  // error of a large key would grow in the layers behind it.
  const uint32_t last = shape().num_layers - 1;
  model_.Scale(SKEIN_ROLE_TIME_KEY, last, 32);
  model_.Overwrite(SKEIN_ROLE_V4_BONUS, last, 0, model_.model().d_att, 60);
  ExpectAgreementWithFloat64(60);
}

TEST_P(Rwkv4Conformance, BonusesOfAnySizeWeighTheCurrentToken) {
  for (uint32_t layer = 0; layer < shape().num_layers; ++layer) {
    model_.Overwrite(SKEIN_ROLE_V4_BONUS, layer, 0, model_.model().d_att / 3, 200);
    model_.Overwrite(SKEIN_ROLE_V4_BONUS, layer, model_.model().d_att / 3, 2 * model_.model().d_att / 3, -200);
  }
  ExpectAgreementWithFloat64(40);
}

INSTANTIATE_TEST_SUITE_P(Backends, Rwkv4Conformance,
                         testing::Combine(testing::ValuesIn(PluginPaths()), testing::ValuesIn(ShapesOf(4))),
                         ModelCaseName);

class Rwkv7Conformance : public ModelConformance {};

TEST_P(Rwkv7Conformance, RemovalKeysOfAnyLengthAreNormalised) {
  const size_t C = shape().d_model, N = shape().head_size;
  model_.Overwrite(SKEIN_ROLE_V7_KEY_K, 0, 0, N, 0);      // the zero vector stays zero
  model_.Overwrite(SKEIN_ROLE_V7_KEY_K, 0, N, C, 1e-6f);  // a short one becomes a unit vector
  ExpectAgreementWithFloat64(12, kFirstTokenTolerance);
}

INSTANTIATE_TEST_SUITE_P(Backends, Rwkv7Conformance,
                         testing::Combine(testing::ValuesIn(PluginPaths()), testing::ValuesIn(ShapesOf(7))),
                         ModelCaseName);

}  // namespace
}  // namespace skein::conformance
