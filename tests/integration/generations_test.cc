// Every version of RWKV through the C ABI: what the engine does must not depend on which one it is.
#include <gtest/gtest.h>

#include "tests/support/case_name.h"
#include "tests/support/host.h"

namespace skein::test {
namespace {

struct Version {
  std::string model;  // of tests/data
  std::string suffix;
  uint32_t generation;
  uint32_t variant;
};

class GenerationsTest : public ::testing::TestWithParam<Version> {
 protected:
  std::string Path() const { return DataPath(GetParam().model + GetParam().suffix); }

  void ExpectNear(const std::vector<float>& found, const std::vector<float>& expected) const {
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], 1e-4f) << i;
  }

  static std::vector<uint8_t> SnapshotOf(skein_stream stream) {
    uint64_t size = 0;
    EXPECT_EQ(skein_stream_snapshot(stream, nullptr, 0, &size, nullptr), SKEIN_OK);
    std::vector<uint8_t> bytes(size);
    EXPECT_EQ(skein_stream_snapshot(stream, bytes.data(), size, &size, nullptr), SKEIN_OK);
    return bytes;
  }

  // The first half of the tokens and the second, with the logits of the reference after each.
  void SetUp() override {
    const std::vector<uint32_t> tokens = ReadTokens(DataPath(GetParam().model + ".tokens.json"));
    const std::vector<float> logits = ReadFloats(DataPath(GetParam().model + ".logits.f32"));
    const auto half = static_cast<std::ptrdiff_t>(tokens.size() / 2);
    const auto half_logits = static_cast<std::ptrdiff_t>(logits.size() / 2);
    head_.assign(tokens.begin(), tokens.begin() + half);
    tail_.assign(tokens.begin() + half, tokens.end());
    head_logits_.assign(logits.begin(), logits.begin() + half_logits);
    tail_logits_.assign(logits.begin() + half_logits, logits.end());
  }

  const OwnedRuntime runtime_ = MakeRuntime();
  std::vector<uint32_t> head_, tail_;
  std::vector<float> head_logits_, tail_logits_;
};

TEST_P(GenerationsTest, InfoNamesTheVersion) {
  const OwnedModel model = LoadModel(runtime_.get(), Path(), "reference");
  const skein_model_info info = InfoOf(model.get());
  EXPECT_EQ(info.generation, GetParam().generation);
  EXPECT_EQ(info.variant, GetParam().variant);
  EXPECT_GT(info.d_att, 0u);
  EXPECT_EQ(StateOf(MakeStream(model.get()).get()).size(), info.num_state_floats);
}

TEST_P(GenerationsTest, LayersSplitBetweenDevicesGiveTheReferenceLogits) {
  const uint32_t num_layers = InfoOf(LoadModel(runtime_.get(), Path(), "reference").get()).num_layers;
  for (const auto& [first, second] : {std::pair("cpu", "reference"), std::pair("reference", "cpu")}) {
    const std::string split = std::string(first) + "=0-0," + second + "=1-" + std::to_string(num_layers - 1);
    const OwnedModel model = LoadModel(runtime_.get(), Path(), split);
    const OwnedStream stream = MakeStream(model.get());
    ExpectNear(AllLogits(model.get(), stream.get(), head_), head_logits_);
    ExpectNear(AllLogits(model.get(), stream.get(), tail_), tail_logits_);
  }
}

TEST_P(GenerationsTest, SnapshotGoesOnAtAnotherDevice) {
  const OwnedModel model = LoadModel(runtime_.get(), Path(), "cpu");
  const OwnedStream stream = MakeStream(model.get());
  AllLogits(model.get(), stream.get(), head_);
  const std::vector<uint8_t> snapshot = SnapshotOf(stream.get());
  const OwnedModel elsewhere = LoadModel(runtime_.get(), Path(), "reference");
  const OwnedStream other = MakeStream(elsewhere.get());
  SKEIN_CALL(skein_stream_restore, other.get(), snapshot.data(), snapshot.size());
  ExpectNear(AllLogits(elsewhere.get(), other.get(), tail_), tail_logits_);
}

TEST_P(GenerationsTest, ForkAndResetStartWhereTheyShould) {
  const OwnedModel model = LoadModel(runtime_.get(), Path(), "cpu");
  const OwnedStream stream = MakeStream(model.get());
  const std::vector<float> fresh = StateOf(stream.get());
  AllLogits(model.get(), stream.get(), head_);
  OwnedStream fork;
  SKEIN_CALL(skein_stream_fork, stream.get(), fork.out());
  SKEIN_CALL(skein_stream_reset, stream.get());
  EXPECT_EQ(StateOf(stream.get()), fresh);
  ExpectNear(AllLogits(model.get(), fork.get(), tail_), tail_logits_);
  ExpectNear(AllLogits(model.get(), stream.get(), head_), head_logits_);
}

INSTANTIATE_TEST_SUITE_P(Versions, GenerationsTest,
                         ::testing::Values(Version{"v4-odd", ".safetensors", 4, 0},
                                           Version{"v5.0-n8", ".safetensors", 5, 0}, Version{"v5.1-n16", ".pth", 5, 1},
                                           Version{"v5.2-mixed", ".pth", 5, 2}, Version{"v6-odd", ".safetensors", 6, 0},
                                           Version{"v6-state", ".pth", 6, 0}, Version{"v7-odd", ".safetensors", 7, 0}),
                         [](const auto& parameter) { return CaseName(parameter.param.model); });

}  // namespace
}  // namespace skein::test
