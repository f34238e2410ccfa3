// Adapters merged into a model at load give the logits that the reference implementation gives with merged weights.
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

struct Adapter {
  const char* name;  // what it is, and the name of its logits
  const char* model;
  const char* files[2];  // with their scales, as in the option `lora`; in either order

  friend void PrintTo(const Adapter& adapter, std::ostream* out) { *out << adapter.model << "." << adapter.name; }
};

constexpr Adapter kAdapters[] = {
    {"lora", "v6-n32", {"lora.pth:0.5", nullptr}},
    {"lora", "v7-n16", {"lora.pth:0.5", nullptr}},
    {"pissa", "v7-n16", {"pissa.pth", "pissa_init.pth"}},
};

class AdaptersTest : public ::testing::TestWithParam<std::tuple<Adapter, std::string>> {
 protected:
  const Adapter& adapter() const { return std::get<0>(GetParam()); }
  const Oracle& oracle() const { return OracleOf(adapter().model); }
  const std::string& device() const { return std::get<1>(GetParam()); }
  // The option `lora` in every order of the files.
  std::vector<std::string> Options() const {
    const std::string first = oracle().Beside(adapter().files[0]);
    if (adapter().files[1] == nullptr) return {first};
    const std::string second = oracle().Beside(adapter().files[1]);
    return {first + "\n" + second, second + "\n" + first};
  }
  void ExpectAdaptedLogits(skein_model model) const {
    ASSERT_NE(model, nullptr);
    const OwnedStream stream = MakeStream(model);
    ExpectLogits(oracle(), model, stream.get(), std::string(adapter().name) + ".logits.f32");
  }

  const OwnedRuntime runtime_ = MakeRuntime();
};

TEST_P(AdaptersTest, MergedModelGivesTheReferenceLogits) {
  for (const std::string& lora : Options()) {
    OwnedModel model;
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_MODEL, {{"device", device()}, {"lora", lora}});
    SKEIN_CALL(skein_model_load, runtime_.get(), oracle().Path().c_str(), options.get(), model.out());
    ExpectAdaptedLogits(model.get());
  }
}

TEST_P(AdaptersTest, PackageOfTheMergedModelGivesTheSame) {
  const std::string package = ::testing::TempDir() + "/" + oracle().name + "." + adapter().name + "." + device() + "." +
                              std::to_string(getpid()) + ".skein";
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_CONVERT, {{"lora", Options().front()}});
  SKEIN_CALL(skein_model_convert, runtime_.get(), oracle().Path().c_str(), package.c_str(), options.get());
  ExpectAdaptedLogits(LoadModel(runtime_.get(), package, device()).get());
  std::filesystem::remove(package);
}

INSTANTIATE_TEST_SUITE_P(Adapters, AdaptersTest,
                         ::testing::Combine(::testing::ValuesIn(kAdapters), ::testing::Values("reference", "cpu")),
                         [](const auto& parameter) {
                           const Adapter& adapter = std::get<0>(parameter.param);
                           return CaseName(std::string(adapter.model) + "_" + adapter.name + "_" +
                                           std::get<1>(parameter.param));
                         });

TEST(AdaptersErrorTest, AdapterOfAnotherModelIsRefused) {
  const OwnedRuntime runtime = MakeRuntime();
  const OwnedOptions options =
      MakeOptions(SKEIN_OPTIONS_MODEL, {{"device", "cpu"}, {"lora", OracleOf("v6-n32").Beside("lora.pth:0.5")}});
  OwnedModel model;
  skein_error error = {};
  EXPECT_EQ(skein_model_load(runtime.get(), OracleOf("v5.2-h1").Path().c_str(), options.get(), model.out(), &error),
            SKEIN_INVALID_ARGUMENT);
  EXPECT_THAT(error.message, HasSubstr("lora.pth"));
  EXPECT_THAT(error.message, HasSubstr("blocks."));
}

}  // namespace
}  // namespace skein::test
