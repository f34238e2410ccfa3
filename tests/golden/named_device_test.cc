// The oracles of every generation on a device that the environment variable SKEIN_GOLDEN_DEVICE names, such as
// "cuda:0": whole, and split with the reference device. Without the variable there is nothing to test.
#include <gtest/gtest.h>

#include <cstdlib>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include "tests/golden/oracle.h"
#include "tests/support/host.h"

namespace skein::test {
namespace {

// The largest difference of a logit, for models of some size. The oracles' weights are random.
struct Type {
  const char* name;
  float tolerance;

  friend void PrintTo(const Type& type, std::ostream* out) { *out << type.name; }
};
constexpr Type kTypes[] = {{"f32", 5e-4f}, {"f16", 2e-2f}, {"bf16", 2e-2f}};

std::vector<std::string> NamedDevices() {
  const char* device = std::getenv("SKEIN_GOLDEN_DEVICE");
  if (device == nullptr || *device == '\0') return {};
  return {device};
}

class NamedDeviceTest : public ::testing::TestWithParam<std::tuple<Oracle, std::string, Type>> {
 protected:
  const Oracle& oracle() const { return std::get<0>(GetParam()); }
  const std::string& device() const { return std::get<1>(GetParam()); }
  const Type& type() const { return std::get<2>(GetParam()); }

  void ExpectLogitsOn(const std::string& placement) const {
    const OwnedRuntime runtime = MakeRuntime();
    const OwnedModel model = LoadModel(runtime.get(), oracle().Path(), placement, type().name);
    ASSERT_NE(model.get(), nullptr);
    const std::vector<uint32_t> tokens = ReadTokens(oracle().Beside("tokens.json"));
    const std::vector<float> expected = ReadFloats(oracle().Beside("logits.f32"));
    const OwnedStream stream = MakeStream(model.get());
    const std::vector<float> logits = AllLogits(model.get(), stream.get(), tokens);
    ASSERT_EQ(logits.size(), expected.size());
    EXPECT_LE(MaxDifference(logits.data(), expected.data(), logits.size()), type().tolerance) << placement;
  }
};

TEST_P(NamedDeviceTest, LogitsAgreeWithTheReferenceImplementation) { ExpectLogitsOn(device()); }

TEST_P(NamedDeviceTest, LogitsOfASplitModelAgreeToo) {
  const std::string rest = "1-" + std::to_string(oracle().num_layers - 1);
  ExpectLogitsOn(device() + "=0-0,reference=" + rest);
  ExpectLogitsOn("reference=0-0," + device() + "=" + rest);
}

INSTANTIATE_TEST_SUITE_P(EveryGeneration, NamedDeviceTest,
                         ::testing::Combine(::testing::ValuesIn(kOracles), ::testing::ValuesIn(NamedDevices()),
                                            ::testing::ValuesIn(kTypes)),
                         [](const auto& parameter) {
                           return CaseName(std::string(std::get<0>(parameter.param).name) + "_" +
                                           std::get<2>(parameter.param).name);
                         });

}  // namespace
}  // namespace skein::test
