// Adapters through the C ABI, against the logits of the reference implementation on weights merged in PyTorch.
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

// Adapter files of tests/data with their scales, as the option `lora` takes them.
struct Adapted {
  std::string model;
  std::string variant;
  std::string Lora() const {
    const std::string stem = DataPath(model + "." + variant);
    return variant == "lora" ? stem + ".pth:0.5" : stem + ".pth\n" + stem + "_init.pth:1";
  }
};

class AdaptersTest : public ::testing::TestWithParam<std::tuple<std::string, Adapted>> {
 protected:
  std::string Device() const { return std::get<0>(GetParam()); }
  const Adapted& Case() const { return std::get<1>(GetParam()); }
  std::string ModelPath() const { return DataPath(Case().model + ".pth"); }

  OwnedModel LoadAdapted(const std::string& path) const {
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_MODEL, {{"device", Device()}, {"lora", Case().Lora()}});
    OwnedModel model;
    skein_error error = {};
    EXPECT_TRUE(Ok(skein_model_load(runtime_.get(), path.c_str(), options.get(), model.out(), &error), error));
    return model;
  }

  void ExpectReferenceLogits(const OwnedModel& model) const {
    const OwnedStream stream = MakeStream(model.get());
    const std::vector<float> logits =
        AllLogits(model.get(), stream.get(), ReadTokens(DataPath(Case().model + ".tokens.json")));
    const std::vector<float> expected = ReadFloats(DataPath(Case().model + "." + Case().variant + ".logits.f32"));
    ASSERT_EQ(logits.size(), expected.size());
    for (size_t i = 0; i < logits.size(); ++i) ASSERT_NEAR(logits[i], expected[i], kTolerance) << i;
  }

  static std::vector<uint8_t> SnapshotOf(const OwnedModel& model) {
    const OwnedStream stream = MakeStream(model.get());
    uint64_t size = 0;
    EXPECT_EQ(skein_stream_snapshot(stream.get(), nullptr, 0, &size, nullptr), SKEIN_OK);
    std::vector<uint8_t> bytes(size);
    EXPECT_EQ(skein_stream_snapshot(stream.get(), bytes.data(), size, &size, nullptr), SKEIN_OK);
    return bytes;
  }

  static skein_status Restore(const OwnedModel& model, const std::vector<uint8_t>& snapshot) {
    const OwnedStream stream = MakeStream(model.get());
    return skein_stream_restore(stream.get(), snapshot.data(), snapshot.size(), nullptr);
  }

  const OwnedRuntime runtime_ = MakeRuntime();
};

TEST_P(AdaptersTest, MergedModelGivesTheReferenceLogits) { ExpectReferenceLogits(LoadAdapted(ModelPath())); }

TEST_P(AdaptersTest, SnapshotsOfBaseAndAdaptedModelAreNotExchanged) {
  const OwnedModel base = LoadModel(runtime_.get(), ModelPath(), Device());
  const OwnedModel adapted = LoadAdapted(ModelPath());
  EXPECT_EQ(Restore(adapted, SnapshotOf(base)), SKEIN_FAILED_PRECONDITION);
  EXPECT_EQ(Restore(base, SnapshotOf(adapted)), SKEIN_FAILED_PRECONDITION);
  EXPECT_EQ(Restore(LoadAdapted(ModelPath()), SnapshotOf(adapted)), SKEIN_OK);
}

TEST_P(AdaptersTest, ConvertedPackageIsTheMergedModel) {
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() /
      ("skein_adapted_" + Device() + "_" + Case().model + "_" + Case().variant + ".skein");
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_CONVERT, {{"lora", Case().Lora()}}, {{"overwrite", 1}});
  SKEIN_CALL(skein_model_convert, runtime_.get(), ModelPath().c_str(), path.c_str(), options.get());
  {
    const OwnedModel package = LoadModel(runtime_.get(), path.string(), Device());
    ExpectReferenceLogits(package);
    EXPECT_EQ(Restore(package, SnapshotOf(LoadAdapted(ModelPath()))), SKEIN_OK);
  }
  std::filesystem::remove(path);
}

INSTANTIATE_TEST_SUITE_P(All, AdaptersTest,
                         ::testing::Combine(::testing::Values("reference", "cpu"),
                                            ::testing::Values(Adapted{"v6-n32", "lora"}, Adapted{"v7-n16", "lora"},
                                                              Adapted{"v7-n16", "pissa"})),
                         [](const auto& parameter) {
                           const Adapted& adapted = std::get<1>(parameter.param);
                           return CaseName(std::get<0>(parameter.param) + "_" + adapted.model + "_" + adapted.variant);
                         });

// Loads v7-n16 with an adapter that must be refused, and gives the message.
std::string Refusal(const std::string& lora, skein_status code) {
  const OwnedRuntime runtime = MakeRuntime();
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_MODEL, {{"lora", lora}});
  skein_model model = nullptr;
  skein_error error = {};
  EXPECT_EQ(skein_model_load(runtime.get(), DataPath("v7-n16.pth").c_str(), options.get(), &model, &error), code)
      << error.message;
  EXPECT_EQ(model, nullptr);
  return error.message;
}

TEST(AdapterErrorsTest, AdapterOfAnotherModelNamesFileAndTensor) {
  const std::string message = Refusal(DataPath("v6-n32.lora.pth"), SKEIN_INVALID_ARGUMENT);
  EXPECT_THAT(message, HasSubstr("v6-n32.lora.pth: tensor \"blocks."));
}

TEST(AdapterErrorsTest, MissingFileIsNotFound) {
  EXPECT_THAT(Refusal("/nonexistent/a.pth:0.5", SKEIN_NOT_FOUND), HasSubstr("/nonexistent/a.pth"));
}

TEST(AdapterErrorsTest, AbsurdScaleIsRefused) {
  EXPECT_THAT(Refusal(DataPath("v7-n16.lora.pth:1e30"), SKEIN_INVALID_ARGUMENT), HasSubstr("scale"));
}

TEST(AdapterErrorsTest, TunedStateIsNoAdapter) {
  EXPECT_THAT(Refusal(DataPath("v7-n16.time_state.pth"), SKEIN_INVALID_ARGUMENT), HasSubstr("option state"));
}

}  // namespace
}  // namespace skein::test
