// Running states of the rwkv pip package through the C ABI. tests/data has the state of the reference implementation
// after 48 tokens of every generation; here it is laid down as torch.save would, and read as an initial state.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <numeric>

#include "tests/integration/dense_weights.h"
#include "tests/support/host.h"

namespace skein::test {
namespace {

using ::testing::HasSubstr;

struct Case {
  const char* model;
  const char* file;
};

// As torch.save writes a list of tensors.
void WriteList(const std::string& path, const std::vector<Dense>& tensors) {
  PickleWriter pickle;
  std::vector<Bytes> storages;
  pickle.Raw("](");
  for (const Dense& dense : tensors) {
    const std::vector<int64_t> shape(dense.shape.begin(), dense.shape.end());
    std::vector<int64_t> strides(shape.size(), 1);
    for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
    pickle.Tensor("FloatStorage", std::to_string(storages.size()), static_cast<int64_t>(dense.values.size()), 0, shape,
                  strides);
    storages.push_back(Floats(dense.values));
  }
  WriteBytes(path, PthFile(pickle.Raw("e").Finish(), storages));
}

// Takes the next tensor of `shape` off the front of `rest`.
Dense TakeOff(std::vector<float>* rest, std::vector<uint64_t> shape) {
  const uint64_t size = std::accumulate(shape.begin(), shape.end(), uint64_t{1}, std::multiplies<>());
  Dense dense = {std::move(shape), {rest->begin(), rest->begin() + static_cast<ptrdiff_t>(size)}};
  rest->erase(rest->begin(), rest->begin() + static_cast<ptrdiff_t>(size));
  return dense;
}

// The package's order of the tensors of all layers, from the layout of tests/data/README.md.
std::vector<Dense> AsList(const skein_model_info& info, std::vector<float> state) {
  std::vector<Dense> list;
  for (uint32_t layer = 0; layer < info.num_layers; ++layer) {
    const Dense att_shift = TakeOff(&state, {info.d_model});
    const Dense ffn_shift = TakeOff(&state, {info.d_model});
    list.push_back(att_shift);
    if (info.generation == 4) {
      for (int i = 0; i < 3; ++i) list.push_back(TakeOff(&state, {info.d_att}));
    } else {
      list.push_back(TakeOff(&state, {info.num_heads, info.head_size, info.head_size}));
    }
    list.push_back(ffn_shift);
  }
  EXPECT_TRUE(state.empty());
  return list;
}

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
                         [](const auto& parameter) {
                           std::string name = parameter.param.model;
                           for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
                           return name;
                         });

}  // namespace
}  // namespace skein::test
