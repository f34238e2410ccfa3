#include "numbers/state_layout.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/tiny_model.h"

namespace skein {
namespace {

using ::skein::testing::TinyConfig;

TEST(InitialStateTest, AFreshStateIsZeroButForTheExponentsOfRwkv4) {
  for (const VersionSet version : {kV50, kV6, kV7}) {
    const std::vector<float> state = FreshState(TinyConfig(version));
    EXPECT_EQ(state.size(), TinyConfig(version).StateFloats());
    EXPECT_THAT(state, ::testing::Each(0.0f));
  }
  // Two layers of att_shift[8], ffn_shift[8], aa[12], bb[12], pp[12].
  const std::vector<float> state = FreshState(TinyConfig(kV4));
  ASSERT_EQ(state.size(), 2u * 52);
  for (size_t i = 0; i < state.size(); ++i) EXPECT_EQ(state[i], i % 52 < 40 ? 0.0f : -1e30f) << i;
}

// Values 0, 1, 2, ... for H 3 (2 in RWKV-7), N 4.
std::vector<float> Counting(const ModelConfig& config) {
  std::vector<float> values(uint64_t{config.d_att} * config.head_size);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  return values;
}

TEST(InitialStateTest, TunedMatricesAreTurnedForVersionsWhoseStateIsIndexedByKeyFirst) {
  for (const VersionSet version : {kV52, kV6, kV7}) {
    for (const WkvOrder order : {WkvOrder::kValueKey, WkvOrder::kKeyValue}) {
      const ModelConfig config = TinyConfig(version);
      std::vector<float> state = FreshState(config);
      const std::vector<float> values = Counting(config);
      PlaceWkv(config, 1, order, values.data(), absl::MakeSpan(state));
      const bool canonical_is_value_key = version == kV7;
      const bool same = canonical_is_value_key == (order == WkvOrder::kValueKey);
      const uint64_t per_layer = config.StateFloats() / 2;
      for (uint64_t i = 0; i < per_layer + 16; ++i) EXPECT_EQ(state[i], 0.0f);
      const float* wkv = state.data() + per_layer + 16;
      // Head 1, first index 2, second 3.
      EXPECT_EQ(wkv[16 + 2 * 4 + 3], same ? 16 + 2 * 4 + 3 : 16 + 3 * 4 + 2);
      EXPECT_EQ(ExtractWkv(config, 1, order, state), values);
      EXPECT_TRUE(IsWkvOnly(config, state));
    }
  }
}

TEST(InitialStateTest, AStateWithTokenShiftsIsMoreThanTunedMatrices) {
  const ModelConfig config = TinyConfig(kV6);
  std::vector<float> state = FreshState(config);
  EXPECT_TRUE(IsWkvOnly(config, state));
  state[config.StateFloats() / 2 + 9] = 1;  // ffn_shift of layer 1
  EXPECT_FALSE(IsWkvOnly(config, state));
  EXPECT_FALSE(IsWkvOnly(TinyConfig(kV4), FreshState(TinyConfig(kV4))));
}

}  // namespace
}  // namespace skein
