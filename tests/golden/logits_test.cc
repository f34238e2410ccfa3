// Logits and states against what the reference implementation gave (tests/data, made by tests/oracle).
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <tuple>

#include "tests/golden/oracle.h"
#include "tests/support/case_name.h"
#include "tests/support/host.h"

namespace skein::test {
namespace {

class OracleTest : public ::testing::TestWithParam<std::tuple<Oracle, std::string, size_t>> {
 protected:
  const Oracle& oracle() const { return std::get<0>(GetParam()); }
  const std::string& device() const { return std::get<1>(GetParam()); }
  size_t chunk() const { return std::get<2>(GetParam()); }

  void CompareWith(skein_model model) const {
    const OwnedStream stream = MakeStream(model);
    ExpectLogits(oracle(), model, stream.get(), "logits.f32", chunk());
    ExpectFinalState(oracle(), stream.get());
  }
};

TEST_P(OracleTest, LogitsAndStateAgreeWithTheReferenceImplementation) {
  const OwnedRuntime runtime = MakeRuntime();
  const OwnedModel model = LoadModel(runtime.get(), oracle().Path(), PlacementOf(oracle(), device()));
  ASSERT_NE(model.get(), nullptr);
  CompareWith(model.get());
}

TEST_P(OracleTest, ThePackageOfTheModelGivesTheSame) {
  const OwnedRuntime runtime = MakeRuntime();
  const std::string package = ::testing::TempDir() + "/" + oracle().name + "." + device() + "." +
                              std::to_string(chunk()) + "." + std::to_string(getpid()) + ".skein";
  SKEIN_CALL(skein_model_convert, runtime.get(), oracle().Path().c_str(), package.c_str(), nullptr);
  const OwnedModel model = LoadModel(runtime.get(), package, PlacementOf(oracle(), device()));
  ASSERT_NE(model.get(), nullptr);
  CompareWith(model.get());
  std::filesystem::remove(package);
}

INSTANTIATE_TEST_SUITE_P(AllGenerations, OracleTest,
                         ::testing::Combine(::testing::ValuesIn(kOracles),
                                            ::testing::Values("reference", "cpu", "split"),
                                            ::testing::Values(1, 7, 48)),
                         [](const auto& parameter) {
                           return CaseName(std::string(std::get<0>(parameter.param).name) + "_" +
                                           std::get<1>(parameter.param) + "_" +
                                           std::to_string(std::get<2>(parameter.param)));
                         });

}  // namespace
}  // namespace skein::test
