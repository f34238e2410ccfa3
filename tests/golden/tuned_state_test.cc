// Streams that start from a tuned state give the logits that the reference implementation gives from it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "tests/golden/oracle.h"
#include "tests/support/case_name.h"
#include "tests/support/host.h"

namespace skein::test {
namespace {

using ::testing::HasSubstr;

const char* const kLogits = "time_state.logits.f32";

OwnedStream MakeTunedStream(skein_model model, const std::string& state) {
  OwnedStream stream;
  skein_error error = {};
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_STREAM, {{"state", state}});
  EXPECT_TRUE(Ok(skein_stream_create(model, options.get(), stream.out(), &error), error));
  return stream;
}

class TunedStateTest : public ::testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  const Oracle& oracle() const { return OracleOf(std::get<0>(GetParam())); }
  std::string device() const { return PlacementOf(oracle(), std::get<1>(GetParam())); }
  std::string state() const { return oracle().Beside("time_state.pth"); }

  const OwnedRuntime runtime_ = MakeRuntime();
};

TEST_P(TunedStateTest, StreamStartsFromItsState) {
  const OwnedModel model = LoadModel(runtime_.get(), oracle().Path(), device());
  for (const size_t chunk : {1, 7, 48}) {
    const OwnedStream stream = MakeTunedStream(model.get(), state());
    ExpectLogits(oracle(), model.get(), stream.get(), kLogits, chunk);
  }
}

TEST_P(TunedStateTest, ResetGoesBackToTheState) {
  const OwnedModel model = LoadModel(runtime_.get(), oracle().Path(), device());
  const OwnedStream stream = MakeTunedStream(model.get(), state());
  const std::vector<float> fresh = StateOf(stream.get());
  AllLogits(model.get(), stream.get(), {1, 2, 3});
  SKEIN_CALL(skein_stream_reset, stream.get());
  EXPECT_EQ(StateOf(stream.get()), fresh);
  ExpectLogits(oracle(), model.get(), stream.get(), kLogits);
}

TEST_P(TunedStateTest, ForkOfAFreshStreamStartsFromTheState) {
  const OwnedModel model = LoadModel(runtime_.get(), oracle().Path(), device());
  OwnedStream fork;
  {
    const OwnedStream stream = MakeTunedStream(model.get(), state());
    SKEIN_CALL(skein_stream_fork, stream.get(), fork.out());
  }
  ExpectLogits(oracle(), model.get(), fork.get(), kLogits);
}

TEST_P(TunedStateTest, StreamsWithAndWithoutAStateRunInOneBatch) {
  const OwnedModel model = LoadModel(runtime_.get(), oracle().Path(), device());
  const std::vector<uint32_t> tokens = ReadTokens(oracle().Beside("tokens.json"));
  const size_t vocab_size = InfoOf(model.get()).vocab_size;
  std::vector<OwnedStream> streams;
  streams.push_back(MakeStream(model.get()));
  streams.push_back(MakeTunedStream(model.get(), state()));
  streams.push_back(MakeStream(model.get()));
  std::vector<std::vector<float>> logits(streams.size(), std::vector<float>(tokens.size() * vocab_size));
  std::vector<skein_eval_item> items(streams.size());
  for (size_t i = 0; i < items.size(); ++i) {
    items[i].stream = streams[i].get();
    items[i].tokens = tokens.data();
    items[i].num_tokens = tokens.size();
    items[i].output = logits[i].data();
    items[i].output_capacity = logits[i].size();
    items[i].output_kind = SKEIN_OUTPUT_ALL_LOGITS;
  }
  SKEIN_CALL(skein_eval, model.get(), items.data(), sizeof(skein_eval_item), static_cast<uint32_t>(items.size()));
  for (size_t i = 0; i < items.size(); ++i) {
    const std::vector<float> expected = ReadFloats(oracle().Beside(i == 1 ? kLogits : "logits.f32"));
    EXPECT_LE(MaxDifference(logits[i].data(), expected.data(), expected.size()), kTolerance) << "stream " << i;
  }
}

TEST_P(TunedStateTest, ModelCanBeLoadedWithAState) {
  OwnedModel model;
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_MODEL, {{"device", device()}, {"state", state()}});
  SKEIN_CALL(skein_model_load, runtime_.get(), oracle().Path().c_str(), options.get(), model.out());
  const OwnedStream stream = MakeStream(model.get());
  ExpectLogits(oracle(), model.get(), stream.get(), kLogits);
}

TEST_P(TunedStateTest, PackageCanCarryAState) {
  const std::string package =
      ::testing::TempDir() + "/" + CaseName(oracle().name + device()) + "." + std::to_string(getpid()) + ".state.skein";
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_CONVERT, {{"state", state()}});
  SKEIN_CALL(skein_model_convert, runtime_.get(), oracle().Path().c_str(), package.c_str(), options.get());
  const OwnedModel model = LoadModel(runtime_.get(), package, device());
  const OwnedStream stream = MakeStream(model.get());
  ExpectLogits(oracle(), model.get(), stream.get(), kLogits);
  std::filesystem::remove(package);
}

INSTANTIATE_TEST_SUITE_P(AllGenerations, TunedStateTest,
                         ::testing::Combine(::testing::Values("v5.2-mixed", "v6-n32", "v7-n16"),
                                            ::testing::Values("reference", "cpu", "split")),
                         [](const auto& parameter) {
                           return CaseName(std::get<0>(parameter.param) + "_" + std::get<1>(parameter.param));
                         });

TEST(TunedStateErrorTest, StateOfAnotherModelIsRefused) {
  const OwnedRuntime runtime = MakeRuntime();
  const OwnedModel model = LoadModel(runtime.get(), OracleOf("v6-n32").Path(), "cpu");
  const OwnedOptions options =
      MakeOptions(SKEIN_OPTIONS_STREAM, {{"state", OracleOf("v7-n16").Beside("time_state.pth")}});
  OwnedStream stream;
  skein_error error = {};
  EXPECT_EQ(skein_stream_create(model.get(), options.get(), stream.out(), &error), SKEIN_INVALID_ARGUMENT);
  EXPECT_EQ(stream.get(), nullptr);
  EXPECT_THAT(error.message, HasSubstr("time_state"));
}

TEST(TunedStateErrorTest, Rwkv4HasNoTunedStates) {
  const OwnedRuntime runtime = MakeRuntime();
  const OwnedModel model = LoadModel(runtime.get(), OracleOf("v4-odd").Path(), "cpu");
  const OwnedOptions options =
      MakeOptions(SKEIN_OPTIONS_STREAM, {{"state", OracleOf("v6-n32").Beside("time_state.pth")}});
  OwnedStream stream;
  skein_error error = {};
  EXPECT_EQ(skein_stream_create(model.get(), options.get(), stream.out(), &error), SKEIN_INVALID_ARGUMENT);
  EXPECT_THAT(error.message, HasSubstr("RWKV-4"));
}

TEST(TunedStateErrorTest, MissingFileIsNotFound) {
  const OwnedRuntime runtime = MakeRuntime();
  const OwnedModel model = LoadModel(runtime.get(), OracleOf("v6-n32").Path(), "cpu");
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_STREAM, {{"state", DataPath("no-such-file.pth")}});
  OwnedStream stream;
  skein_error error = {};
  EXPECT_EQ(skein_stream_create(model.get(), options.get(), stream.out(), &error), SKEIN_NOT_FOUND);
  EXPECT_THAT(error.message, HasSubstr("no-such-file.pth"));
}

}  // namespace
}  // namespace skein::test
