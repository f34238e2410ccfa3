#include "numbers/state_layout.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "numbers/roles.h"
#include "tests/unit/numbers/tiny_dimensions.h"

namespace skein {
namespace {

using ::skein::testing::TinyDimensions;

TEST(StateLayoutTest, AFreshStateIsZeroButForTheExponentsOfRwkv4) {
  for (const VersionSet version : {kV50, kV6, kV7}) {
    const std::vector<float> state = FreshState(TinyDimensions(version));
    EXPECT_EQ(state.size(), StateFloats(TinyDimensions(version)));
    EXPECT_THAT(state, ::testing::Each(0.0f));
  }
  // Two layers of att_shift[8], ffn_shift[8], aa[12], bb[12], pp[12].
  const std::vector<float> state = FreshState(TinyDimensions(kV4));
  ASSERT_EQ(state.size(), 2u * 52);
  for (size_t i = 0; i < state.size(); ++i) EXPECT_EQ(state[i], i % 52 < 40 ? 0.0f : -1e30f) << i;
}

// Values 0, 1, 2, ... for H 3 (2 in RWKV-7), N 4.
std::vector<float> Counting(const skein_backend_model& model) {
  std::vector<float> values(uint64_t{model.d_att} * model.head_size);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  return values;
}

TEST(StateLayoutTest, TunedMatricesAreTurnedForVersionsWhoseStateIsIndexedByKeyFirst) {
  for (const VersionSet version : {kV52, kV6, kV7}) {
    for (const WkvOrder order : {WkvOrder::kValueKey, WkvOrder::kKeyValue}) {
      const skein_backend_model model = TinyDimensions(version);
      std::vector<float> state = FreshState(model);
      const std::vector<float> values = Counting(model);
      PlaceWkv(model, 1, order, values.data(), state);
      const bool canonical_is_value_key = version == kV7;
      const bool same = canonical_is_value_key == (order == WkvOrder::kValueKey);
      const uint64_t per_layer = StateFloats(model) / 2;
      for (uint64_t i = 0; i < per_layer + 16; ++i) EXPECT_EQ(state[i], 0.0f);
      const float* wkv = state.data() + per_layer + 16;
      // Head 1, first index 2, second 3.
      EXPECT_EQ(wkv[16 + 2 * 4 + 3], same ? 16 + 2 * 4 + 3 : 16 + 3 * 4 + 2);
      EXPECT_EQ(ExtractWkv(model, 1, order, state), values);
      EXPECT_TRUE(IsWkvOnly(model, state));
    }
  }
}

TEST(StateLayoutTest, AStateWithTokenShiftsIsMoreThanTunedMatrices) {
  const skein_backend_model model = TinyDimensions(kV6);
  std::vector<float> state = FreshState(model);
  EXPECT_TRUE(IsWkvOnly(model, state));
  state[StateFloats(model) / 2 + 9] = 1;  // ffn_shift of layer 1
  EXPECT_FALSE(IsWkvOnly(model, state));
  EXPECT_FALSE(IsWkvOnly(TinyDimensions(kV4), FreshState(TinyDimensions(kV4))));
}

TEST(StateLayoutTest, AStateHoldsTwoShiftRowsAndTheWkvMatrixPerLayer) {
  EXPECT_EQ(StateFloats(TinyDimensions(kV7)), 2u * (8 + 8 + 2 * 4 * 4));
  EXPECT_EQ(StateFloats(TinyDimensions(kV6)), 2u * (8 + 8 + 3 * 4 * 4));
}

TEST(StateLayoutTest, TheStateOfRwkv4HasThreeRowsOfTheTimeMix) {
  EXPECT_EQ(StateFloats(TinyDimensions(kV4)), 2u * (8 + 8 + 3 * 12));
}

TEST(StateLayoutTest, PartsOfALayerHaveNamesAndMakeUpTheLayer) {
  for (const Version& version : kVersions) {
    const skein_backend_model model = TinyDimensions(version.bit);
    std::string names;
    uint64_t num_floats = 0;
    for (const StatePart& part : LayerStateParts(model)) {
      names += std::string(part.name) + " ";
      num_floats += part.num_floats;
    }
    EXPECT_EQ(names, version.generation == 4 ? "att_shift ffn_shift aa bb pp " : "att_shift ffn_shift wkv ");
    EXPECT_EQ(num_floats, LayerStateFloats(model)) << names;
  }
}

TEST(StateLayoutTest, PartsOfALayerFollowEachOther) {
  const LayerState second = LayerStateAt(TinyDimensions(kV6), 1);
  EXPECT_EQ(second.time_shift, 64u);
  EXPECT_EQ(second.channel_shift, 72u);
  EXPECT_EQ(second.wkv, 80u);
}

// A backend writes the layers of its segment, which are not all of the model.
TEST(StateLayoutTest, AFreshStateOfSomeLayersIsTheBeginningOfOne) {
  const skein_backend_model model = TinyDimensions(kV4);
  std::vector<float> layer(LayerStateFloats(model) + 1, 7.0f);
  WriteFreshState(model, 1, layer.data());
  EXPECT_EQ(layer.back(), 7.0f);
  const std::vector<float> all = FreshState(model);
  EXPECT_TRUE(std::equal(layer.begin(), layer.end() - 1, all.begin()));
}

TEST(StateLayoutTest, TurningMatricesTwiceChangesNothing) {
  const skein_backend_model model = TinyDimensions(kV6);
  const std::vector<float> values = Counting(model);
  std::vector<float> turned(values.size()), back(values.size());
  CopyWkv(model, WkvOrder::kKeyValue, values.data(), WkvOrder::kValueKey, turned.data());
  EXPECT_NE(turned, values);
  CopyWkv(model, WkvOrder::kValueKey, turned.data(), WkvOrder::kKeyValue, back.data());
  EXPECT_EQ(back, values);
}

}  // namespace
}  // namespace skein
