// Running states of the rwkv pip package through the C ABI. tests/data has the state of the reference implementation
// after 48 tokens of every generation; here it is laid down as torch.save would, and read as an initial state.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "tests/integration/running_state_file.h"
#include "tests/support/case_name.h"
#include "tests/support/host.h"

namespace skein::test {
namespace {

using ::testing::HasSubstr;

struct Case {
  const char* model;
  const char* file;
};

class RunningStatesTest : public ::testing::TestWithParam<Case> {
 protected:
  ~RunningStatesTest() override { std::filesystem::remove(path_); }

  const std::string path_ =
      (std::filesystem::temp_directory_path() / ("skein_running_" + std::to_string(getpid()) + ".pth")).string();
  const OwnedRuntime runtime_ = MakeRuntime();
};

TEST_P(RunningStatesTest, AStreamGoesOnWhereThePackageStood) {
  const std::string name = GetParam().model;
  const OwnedModel model = LoadModel(runtime_.get(), DataPath(GetParam().file), "cpu");
  const std::vector<float> state = ReadFloats(DataPath(name + ".state.f32"));
  WriteList(path_, AsList(InfoOf(model.get()), state));

  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_STREAM, {{"state", path_}});
  OwnedStream restored;
  SKEIN_CALL(skein_stream_create, model.get(), options.get(), restored.out());
  EXPECT_EQ(StateOf(restored.get()), state);

  const OwnedStream reader = MakeStream(model.get());
  AllLogits(model.get(), reader.get(), ReadTokens(DataPath(name + ".tokens.json")));
  const std::vector<float> expected = AllLogits(model.get(), reader.get(), {5, 9, 2});
  const std::vector<float> found = AllLogits(model.get(), restored.get(), {5, 9, 2});
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], 1e-3f) << i;  // the state has errors too
}

TEST_P(RunningStatesTest, TheListOfAnotherModelIsRefused) {
  const OwnedModel model = LoadModel(runtime_.get(), DataPath(GetParam().file), "cpu");
  std::vector<Dense> list =
      AsList(InfoOf(model.get()), ReadFloats(DataPath(std::string(GetParam().model) + ".state.f32")));
  list.pop_back();
  WriteList(path_, list);
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_STREAM, {{"state", path_}});
  OwnedStream stream;
  skein_error error = {};
  EXPECT_EQ(skein_stream_create(model.get(), options.get(), stream.out(), &error), SKEIN_INVALID_ARGUMENT);
  EXPECT_THAT(error.message, HasSubstr("a list of " + std::to_string(list.size()) + " tensors"));
}

INSTANTIATE_TEST_SUITE_P(Generations, RunningStatesTest,
                         ::testing::Values(Case{"v4-odd", "v4-odd.safetensors"}, Case{"v5.0-n8", "v5.0-n8.safetensors"},
                                           Case{"v5.1-n16", "v5.1-n16.pth"}, Case{"v5.2-mixed", "v5.2-mixed.pth"},
                                           Case{"v6-odd", "v6-odd.safetensors"}, Case{"v7-odd", "v7-odd.safetensors"}),
                         [](const auto& parameter) { return CaseName(parameter.param.model); });

}  // namespace
}  // namespace skein::test
