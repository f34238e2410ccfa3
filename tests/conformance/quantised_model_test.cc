// Models with quantised matrices on any backend that takes them: in float32 arithmetic they are what they stand for,
// and with activations in 8 bits they stay near it, by the same bits however the work is cut.
#include "tests/conformance/quantised_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tests/conformance/backend_conformance.h"
#include "tests/conformance/float64_stream.h"
#include "tests/conformance/model_conformance.h"
#include "tests/conformance/plugin_paths.h"

namespace skein::conformance {
namespace {

class QuantisedModel : public ModelConformance {
 protected:
  void SetUp() override {
    ModelConformance::SetUp();
    if (IsSkipped()) return;
    const uint32_t types = plugin_.DeviceInfo().weight_types;
    if ((types >> SKEIN_DTYPE_Q8 & types >> SKEIN_DTYPE_Q4 & 1) == 0) GTEST_SKIP() << "the device takes no such types";
  }
  bool Computes(uint32_t type) const { return (plugin_.DeviceInfo().compute_types >> type & 1) != 0; }
};

TEST_P(QuantisedModel, InFloat32ItIsTheDequantisedModel) {
  const std::vector<uint32_t> tokens = Tokens(20);
  for (const auto& mixture : kMixtures) {
    const SyntheticModel model = Quantised(shape(), mixture);
    Pipeline pipeline(device_, model);
    const std::vector<float> logits = pipeline.Feed(0, tokens, tokens.size());
    const auto expected = Float64Stream::Make(model);
    const size_t V = shape().vocab_size;
    for (size_t t = 0; t < tokens.size(); ++t) {
      expected->Feed(tokens[t]);
      const double allowed = t == 0 ? kFirstTokenTolerance : kTolerance;
      for (size_t i = 0; i < V; ++i) ASSERT_NEAR(logits[t * V + i], expected->logits()[i], allowed) << "token " << t;
    }
  }
}

TEST_P(QuantisedModel, InEightBitsItStaysNearTheDequantisedModel) {
  if (!Computes(SKEIN_DTYPE_Q8)) GTEST_SKIP() << "the device has no 8-bit arithmetic";
  const std::vector<uint32_t> tokens = Tokens(40);
  for (const auto& mixture : kMixtures) {
    const SyntheticModel model = Quantised(shape(), mixture);
    Pipeline pipeline(device_, model, {.cuts = {}, .compute_type = SKEIN_DTYPE_Q8});
    const std::vector<float> logits = pipeline.Feed(0, tokens, tokens.size());
    const auto expected = Float64Stream::Make(model);
    double error = 0, power = 0;
    const size_t V = shape().vocab_size;
    for (size_t t = 0; t < tokens.size(); ++t) {
      expected->Feed(tokens[t]);
      for (size_t i = 0; i < V; ++i) {
        const double difference = double{logits[t * V + i]} - expected->logits()[i];
        error += difference * difference;
        power += expected->logits()[i] * expected->logits()[i];
      }
    }
    EXPECT_LE(std::sqrt(error / power), 0.03);
  }
}

TEST_P(QuantisedModel, InEightBitsEveryCutGivesTheSameBits) {
  const std::vector<uint32_t> tokens = Tokens(150);
  for (const uint32_t type : {SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4}) {
    if ((plugin_.DeviceInfo().deterministic_types >> type & 1) == 0) GTEST_SKIP() << "the device does not promise it";
    for (const auto& mixture : kMixtures) {
      const SyntheticModel model = Quantised(shape(), mixture);
      Pipeline pipeline(device_, model, {.cuts = {}, .compute_type = type});
      const std::vector<float> whole = pipeline.Feed(0, tokens, tokens.size());
      for (const size_t chunk : {1, 5, 17}) {
        ASSERT_EQ(pipeline.Feed(1, tokens, chunk), whole) << "chunks of " << chunk;
        ASSERT_EQ(pipeline.Export(1), pipeline.Export(0)) << "chunks of " << chunk;
      }
      ASSERT_TRUE(pipeline.Feed(1, tokens, tokens.size(), SKEIN_SLOT_INITIAL, SKEIN_STEP_NO_OUTPUT).empty());
      ASSERT_EQ(pipeline.Export(1), pipeline.Export(0)) << "without outputs";
      std::vector<Entry> entries;
      for (uint32_t i = 0; i < 7; ++i) {
        entries.push_back({.read_slot = SKEIN_SLOT_INITIAL,
                           .write_slot = i,
                           .tokens = {tokens.begin(), tokens.begin() + 1 + 3 * static_cast<ptrdiff_t>(i)}});
      }
      ASSERT_EQ(pipeline.Step(entries), SKEIN_OK) << pipeline.message();
      for (const Entry& entry : entries) {
        ASSERT_EQ(entry.rows,
                  std::vector<float>(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(entry.rows.size())));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, QuantisedModel,
                         testing::Combine(testing::ValuesIn(PluginPaths()), testing::ValuesIn(AllShapes())),
                         ModelCaseName);

}  // namespace
}  // namespace skein::conformance
