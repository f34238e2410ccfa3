// The oracles of every generation on a device that the environment variable SKEIN_GOLDEN_DEVICE names, such as
// "cuda:0": whole, and split with the reference device. Without the variable it is the reference device, so that the
// tests themselves are tried.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <tuple>
#include <vector>

#include "tests/golden/oracle.h"
#include "tests/support/case_name.h"
#include "tests/support/host.h"

namespace skein::test {
namespace {

std::string NamedDevice() {
  const char* device = std::getenv("SKEIN_GOLDEN_DEVICE");
  return device == nullptr || *device == '\0' ? "reference" : device;
}

class NamedDeviceTest : public ::testing::TestWithParam<std::tuple<Oracle, std::string>> {
 protected:
  const Oracle& oracle() const { return std::get<0>(GetParam()); }
  const std::string& device() const { return std::get<1>(GetParam()); }

  void ExpectLogitsOn(const std::string& placement) const {
    const OwnedRuntime runtime = MakeRuntime();
    const OwnedModel model = LoadModel(runtime.get(), oracle().Path(), placement, "f32");
    ASSERT_NE(model.get(), nullptr);
    const std::vector<uint32_t> tokens = ReadTokens(oracle().Beside("tokens.json"));
    const std::vector<float> expected = ReadFloats(oracle().Beside("logits.f32"));
    const OwnedStream stream = MakeStream(model.get());
    const std::vector<float> logits = AllLogits(model.get(), stream.get(), tokens);
    ASSERT_EQ(logits.size(), expected.size());
    EXPECT_LE(MaxDifference(logits.data(), expected.data(), logits.size()), kFirstTokenTolerance) << placement;
  }
};

TEST_P(NamedDeviceTest, LogitsAgreeWithTheReferenceImplementation) { ExpectLogitsOn(device()); }

TEST_P(NamedDeviceTest, LogitsOfASplitModelAgreeToo) {
  const std::string rest = "1-" + std::to_string(oracle().num_layers - 1);
  ExpectLogitsOn(device() + "=0-0,reference=" + rest);
  ExpectLogitsOn("reference=0-0," + device() + "=" + rest);
}

INSTANTIATE_TEST_SUITE_P(EveryGeneration, NamedDeviceTest,
                         ::testing::Combine(::testing::ValuesIn(kOracles), ::testing::Values(NamedDevice())),
                         [](const auto& parameter) { return CaseName(std::get<0>(parameter.param).name); });

// A trained model, whose logits rounding moves less than those of random weights. Not in bf16: on this small model its
// rounding alone moves a logit by 0.04.
class NamedDeviceTypeTest : public ::testing::TestWithParam<std::tuple<std::string, std::string>> {};

TEST_P(NamedDeviceTypeTest, ATrainedModelKeepsItsLogits) {
  constexpr float kLargest = 2e-2f;
  const auto& [device, type] = GetParam();
  const std::string path = std::string(SKEIN_TESTS_DIR) + "/../samples/models/skein-demo.skein";
  const std::string text = ReadFile(DataPath("jonah.txt")).substr(0, 200);
  const std::vector<uint32_t> tokens(text.begin(), text.end());
  const OwnedRuntime runtime = MakeRuntime();
  const OwnedModel exact = LoadModel(runtime.get(), path, "reference", "f32");
  const OwnedModel rounded = LoadModel(runtime.get(), path, device, type);
  ASSERT_NE(exact.get(), nullptr);
  ASSERT_NE(rounded.get(), nullptr);
  const OwnedStream exact_stream = MakeStream(exact.get()), rounded_stream = MakeStream(rounded.get());
  const std::vector<float> expected = AllLogits(exact.get(), exact_stream.get(), tokens);
  const std::vector<float> found = AllLogits(rounded.get(), rounded_stream.get(), tokens);
  ASSERT_EQ(found.size(), expected.size());
  EXPECT_LE(MaxDifference(found.data(), expected.data(), found.size()), kLargest);
}

INSTANTIATE_TEST_SUITE_P(SmallerTypes, NamedDeviceTypeTest,
                         ::testing::Combine(::testing::Values(NamedDevice()), ::testing::Values("f16")),
                         [](const auto& parameter) { return std::get<1>(parameter.param); });

}  // namespace
}  // namespace skein::test
