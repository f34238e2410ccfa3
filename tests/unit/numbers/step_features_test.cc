#include "numbers/step_features.h"

#include <gtest/gtest.h>

namespace skein {
namespace {

TEST(FeaturesOfTest, AnOutputNeedsItsFeature) {
  skein_step_entry entry = {};
  EXPECT_EQ(FeaturesOf(entry), 0u);
  entry.output = SKEIN_STEP_LOGITS;
  EXPECT_EQ(FeaturesOf(entry), 0u);
  entry.output = SKEIN_STEP_HIDDEN;
  EXPECT_EQ(FeaturesOf(entry), SKEIN_FEATURE_HIDDEN);
  entry.output = SKEIN_STEP_SAMPLE;
  EXPECT_EQ(FeaturesOf(entry), SKEIN_FEATURE_SAMPLE);
  entry.output = SKEIN_STEP_TOP_K;
  entry.adapter = 3;
  EXPECT_EQ(FeaturesOf(entry), SKEIN_FEATURE_TOP_K | SKEIN_FEATURE_ADAPTERS);
}

TEST(FeaturesOfTest, AMaskAndABiasNeedOne) {
  const skein_bias bias = {.token = 1, .bias = 1};
  const uint32_t mask = 1;
  skein_step_entry entry = {};
  entry.mask = &mask;
  EXPECT_EQ(FeaturesOf(entry), SKEIN_FEATURE_MASK_AND_BIAS);
  entry = {};
  entry.bias = &bias;
  entry.num_bias = 1;
  EXPECT_EQ(FeaturesOf(entry), SKEIN_FEATURE_MASK_AND_BIAS);
}

TEST(FeaturesOfTest, AFieldThatTheHostDoesNotHaveIsNotLookedAt) {
  skein_step_entry entry = {};
  entry.drawn_by = 2;
  EXPECT_EQ(FeaturesOf(entry), SKEIN_FEATURE_FEED_DRAWN);
  EXPECT_EQ(DrawnBy(entry, sizeof(entry)), 2u);
  for (const uint32_t entry_size : {72u, 80u}) {
    EXPECT_EQ(FeaturesOf(entry, entry_size), 0u);
    EXPECT_EQ(DrawnBy(entry, entry_size), 0u);
  }
}

TEST(FeatureNamesTest, ListsThemAll) {
  EXPECT_EQ(FeatureNames(0), "");
  EXPECT_EQ(FeatureNames(SKEIN_FEATURE_SAMPLE), "sampling");
  EXPECT_EQ(
      FeatureNames(SKEIN_FEATURE_HIDDEN | SKEIN_FEATURE_TOP_K | SKEIN_FEATURE_MASK_AND_BIAS | SKEIN_FEATURE_ADAPTERS |
                   SKEIN_FEATURE_SAMPLE | SKEIN_FEATURE_FEED_DRAWN | SKEIN_FEATURE_DETERMINISTIC),
      "hidden rows, top-k, masks and biases, adapters, sampling, tokens drawn by the step before, deterministic "
      "segments");
}

}  // namespace
}  // namespace skein
