// Tuned initial states through the C ABI, against the logits of the reference implementation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <tuple>

#include "tests/support/case_name.h"
#include "tests/support/host.h"

namespace skein::test {
namespace {

using ::testing::HasSubstr;

constexpr float kTolerance = 1e-4f;  // tests/data/README.md

OwnedStream MakeTunedStream(skein_model model, const std::string& state_path) {
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_STREAM, {{"state", state_path}});
  OwnedStream stream;
  skein_error error = {};
  EXPECT_TRUE(Ok(skein_stream_create(model, options.get(), stream.out(), &error), error));
  return stream;
}

// Expects a stream with this state to be refused, and gives the message.
std::string Refusal(skein_model model, const std::string& state_path, skein_status code) {
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_STREAM, {{"state", state_path}});
  skein_stream stream = nullptr;
  skein_error error = {};
  EXPECT_EQ(skein_stream_create(model, options.get(), &stream, &error), code) << error.message;
  EXPECT_EQ(stream, nullptr);
  return error.message;
}

void ExpectNear(const std::vector<float>& found, const std::vector<float>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], kTolerance) << i;
}

struct Oracle {
  std::string model;
  std::string suffix;
};

class TunedStatesTest : public ::testing::TestWithParam<std::tuple<std::string, Oracle>> {
 protected:
  std::string Device() const { return std::get<0>(GetParam()); }
  std::string ModelName() const { return std::get<1>(GetParam()).model; }
  std::string StatePath() const { return DataPath(ModelName() + ".time_state.pth"); }
  std::string ModelPath() const { return DataPath(ModelName() + std::get<1>(GetParam()).suffix); }

  const OwnedRuntime runtime_ = MakeRuntime();
  const std::vector<uint32_t> tokens_ = ReadTokens(DataPath(ModelName() + ".tokens.json"));
  const std::vector<float> expected_ = ReadFloats(DataPath(ModelName() + ".time_state.logits.f32"));
  const std::vector<float> plain_ = ReadFloats(DataPath(ModelName() + ".logits.f32"));
};

TEST_P(TunedStatesTest, StreamStartsFromItAndGoesBackToIt) {
  const OwnedModel model = LoadModel(runtime_.get(), ModelPath(), Device());
  const OwnedStream stream = MakeTunedStream(model.get(), StatePath());
  const std::vector<float> initial = StateOf(stream.get());
  ExpectNear(AllLogits(model.get(), stream.get(), tokens_), expected_);
  SKEIN_CALL(skein_stream_reset, stream.get());
  EXPECT_EQ(StateOf(stream.get()), initial);
  ExpectNear(AllLogits(model.get(), stream.get(), tokens_), expected_);
}

TEST_P(TunedStatesTest, OptionOfTheModelIsWhereItsStreamsStart) {
  const OwnedOptions options =
      MakeOptions(SKEIN_OPTIONS_MODEL, {{"device", Device()}, {"state", StatePath()}}, {{"max_batch_streams", 1}});
  OwnedModel model;
  SKEIN_CALL(skein_model_load, runtime_.get(), ModelPath().c_str(), options.get(), model.out());
  const OwnedStream stream = MakeStream(model.get());
  for (int round = 0; round < 3; ++round) {
    ExpectNear(AllLogits(model.get(), stream.get(), tokens_), expected_);
    SKEIN_CALL(skein_stream_reset, stream.get());
  }
}

TEST_P(TunedStatesTest, ForkGoesBackToTheStateOfItsStream) {
  const OwnedModel model = LoadModel(runtime_.get(), ModelPath(), Device());
  OwnedStream stream = MakeTunedStream(model.get(), StatePath());
  AllLogits(model.get(), stream.get(), {1, 2});
  OwnedStream fork;
  SKEIN_CALL(skein_stream_fork, stream.get(), fork.out());
  stream.Close();
  SKEIN_CALL(skein_stream_reset, fork.get());
  ExpectNear(AllLogits(model.get(), fork.get(), tokens_), expected_);
}

TEST_P(TunedStatesTest, StreamsWithDifferentStatesRunInOneBatch) {
  const OwnedModel model = LoadModel(runtime_.get(), ModelPath(), Device());
  const OwnedStream tuned = MakeTunedStream(model.get(), StatePath());
  const OwnedStream plain = MakeStream(model.get());
  const size_t vocab_size = InfoOf(model.get()).vocab_size;
  std::vector<float> logits[2];
  skein_eval_item items[2] = {};
  for (int i = 0; i < 2; ++i) {
    logits[i].resize(tokens_.size() * vocab_size);
    items[i].stream = i == 0 ? tuned.get() : plain.get();
    items[i].tokens = tokens_.data();
    items[i].num_tokens = tokens_.size();
    items[i].output = logits[i].data();
    items[i].output_capacity = logits[i].size();
    items[i].output_kind = SKEIN_OUTPUT_ALL_LOGITS;
  }
  SKEIN_CALL(skein_eval, model.get(), items, sizeof(items[0]), 2);
  ExpectNear(logits[0], expected_);
  ExpectNear(logits[1], plain_);
}

// The prefix cache tells prompts that start from different states apart, though their tokens are the same.
TEST_P(TunedStatesTest, StreamsWithDifferentStatesShareNoPrefixes) {
  const OwnedModel model = LoadModel(runtime_.get(), ModelPath(), Device());
  std::vector<uint32_t> tokens = tokens_;
  while (tokens.size() < 40) tokens.insert(tokens.end(), tokens_.begin(), tokens_.end());
  std::vector<float> logits[2];
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 2; ++i) {
      const OwnedStream stream = i == 0 ? MakeTunedStream(model.get(), StatePath()) : MakeStream(model.get());
      const std::vector<float> all = AllLogits(model.get(), stream.get(), tokens);
      SKEIN_CALL(skein_stream_reset, stream.get());
      logits[i].resize(InfoOf(model.get()).vocab_size);
      skein_eval_item item = {};
      item.stream = stream.get();
      item.tokens = tokens.data();
      item.num_tokens = tokens.size();
      item.output = logits[i].data();
      item.output_capacity = logits[i].size();
      item.output_kind = SKEIN_OUTPUT_LAST_LOGITS;
      SKEIN_CALL(skein_eval, model.get(), &item, sizeof(item), 1);
      ExpectNear(logits[i], {all.end() - static_cast<std::ptrdiff_t>(logits[i].size()), all.end()});
    }
  }
}

TEST_P(TunedStatesTest, SnapshotOfATunedStreamRestoresInAPlainOne) {
  const OwnedModel model = LoadModel(runtime_.get(), ModelPath(), Device());
  const OwnedStream tuned = MakeTunedStream(model.get(), StatePath());
  uint64_t size = 0;
  SKEIN_CALL(skein_stream_snapshot, tuned.get(), nullptr, 0, &size);
  std::vector<uint8_t> snapshot(size);
  SKEIN_CALL(skein_stream_snapshot, tuned.get(), snapshot.data(), size, &size);
  const OwnedStream plain = MakeStream(model.get());
  SKEIN_CALL(skein_stream_restore, plain.get(), snapshot.data(), snapshot.size());
  ExpectNear(AllLogits(model.get(), plain.get(), tokens_), expected_);
  SKEIN_CALL(skein_stream_reset, plain.get());
  ExpectNear(AllLogits(model.get(), plain.get(), tokens_), plain_);
}

TEST_P(TunedStatesTest, ConvertedPackageKeepsIt) {
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("skein_tuned_" + Device() + "_" + ModelName() + ".skein");
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_CONVERT, {{"state", StatePath()}}, {{"overwrite", 1}});
  SKEIN_CALL(skein_model_convert, runtime_.get(), ModelPath().c_str(), path.c_str(), options.get());
  {
    const OwnedModel model = LoadModel(runtime_.get(), path.string(), Device());
    const OwnedStream stream = MakeStream(model.get());
    ExpectNear(AllLogits(model.get(), stream.get(), tokens_), expected_);
  }
  std::filesystem::remove(path);
}

INSTANTIATE_TEST_SUITE_P(All, TunedStatesTest,
                         ::testing::Combine(::testing::Values("reference", "cpu"),
                                            ::testing::Values(Oracle{"v5.2-mixed", ".pth"}, Oracle{"v6-n32", ".pth"},
                                                              Oracle{"v7-n16", ".pth"})),
                         [](const auto& parameter) {
                           return CaseName(std::get<0>(parameter.param) + "_" + std::get<1>(parameter.param).model);
                         });

class TunedStateErrorsTest : public ::testing::Test {
 protected:
  const OwnedRuntime runtime_ = MakeRuntime();
};

TEST_F(TunedStateErrorsTest, StateOfAnotherShapeIsRefusedWithBothShapes) {
  const OwnedModel model = LoadModel(runtime_.get(), DataPath("v7-odd.safetensors"), "reference");
  const std::string message = Refusal(model.get(), DataPath("v7-n16.time_state.pth"), SKEIN_INVALID_ARGUMENT);
  EXPECT_THAT(message, HasSubstr("v7-n16.time_state.pth"));
  EXPECT_THAT(message, HasSubstr("2 layers with 4 heads of size 16; expected 3 layers with 3 heads of size 32"));
}

TEST_F(TunedStateErrorsTest, ModelFileIsNoState) {
  const OwnedModel model = LoadModel(runtime_.get(), DataPath("v7-n16.pth"), "reference");
  EXPECT_THAT(Refusal(model.get(), DataPath("v7-n16.pth"), SKEIN_INVALID_ARGUMENT),
              HasSubstr("not part of a tuned state"));
}

TEST_F(TunedStateErrorsTest, MissingFileIsNotFound) {
  const OwnedModel model = LoadModel(runtime_.get(), DataPath("v7-n16.pth"), "reference");
  EXPECT_THAT(Refusal(model.get(), "/nonexistent/state.pth", SKEIN_NOT_FOUND), HasSubstr("/nonexistent/state.pth"));
}

TEST_F(TunedStateErrorsTest, VersionsWithoutStatesAreNamed) {
  for (const auto& [file, name] : {std::pair("v4-odd.safetensors", "RWKV-4"), std::pair("v5.0-n16.pth", "RWKV-5.0"),
                                   std::pair("v5.1-n16.pth", "RWKV-5.1")}) {
    const OwnedModel model = LoadModel(runtime_.get(), DataPath(file), "reference");
    EXPECT_THAT(Refusal(model.get(), DataPath("v7-n16.time_state.pth"), SKEIN_INVALID_ARGUMENT),
                HasSubstr(std::string(name) + " models have none"));
  }
}

TEST_F(TunedStateErrorsTest, StateInsideACheckpointIsTheInitialOne) {
  const OwnedModel model = LoadModel(runtime_.get(), DataPath("v6-state.pth"), "reference");
  const OwnedStream stream = MakeStream(model.get());
  ExpectNear(AllLogits(model.get(), stream.get(), ReadTokens(DataPath("v6-state.tokens.json"))),
             ReadFloats(DataPath("v6-state.logits.f32")));
}

}  // namespace
}  // namespace skein::test
