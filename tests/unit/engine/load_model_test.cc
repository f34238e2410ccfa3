#include "engine/load_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "engine/stream.h"
#include "numbers/state_layout.h"

namespace skein {
namespace {

using testing::HasSubstr;

constexpr char kShape[] = "synthetic:C=64,L=2,F=64,N=64,V=300";

class LoadModelTest : public ::testing::Test {
 protected:
  static std::shared_ptr<Runtime> MakeRuntime(bool with_device) {
    Options options(SKEIN_OPTIONS_RUNTIME);
    EXPECT_TRUE(options.SetInt("search", 0).ok());
    std::shared_ptr<Runtime> runtime = *Runtime::Create(options, "");
    if (with_device) {
      EXPECT_TRUE(runtime->plugins().LoadFile(std::string(SKEIN_PLUGIN_DIR) + "/backend-reference.so").ok());
    }
    return runtime;
  }
  absl::StatusOr<std::shared_ptr<Model>> Load() { return LoadModel(runtime_, kShape, options_); }

  std::shared_ptr<Runtime> runtime_ = MakeRuntime(true);
  Options options_{SKEIN_OPTIONS_MODEL};
};

TEST_F(LoadModelTest, PutsTheModelOnTheBestDevice) {
  const auto model = Load();
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->placement(), "reference");
  EXPECT_EQ((*model)->type(), "auto");
  EXPECT_GT((*model)->weights_bytes(), (*model)->embedding_bytes());
  EXPECT_EQ((*model)->end_token(), 0u) << "the vocabulary is a large one";
  EXPECT_EQ((*model)->tokenizer(), nullptr);
}

TEST_F(LoadModelTest, StatesGoToTheDeviceAndBack) {
  const auto model = *Load();
  std::vector<float> given(StateFloats(model->config()));
  for (size_t i = 0; i < given.size(); ++i) given[i] = static_cast<float>(i % 97);
  const absl::StatusOr<StateRef> state = model->engine()->ImportState(given);
  ASSERT_TRUE(state.ok()) << state.status();
  std::vector<float> values(given.size());
  ASSERT_TRUE(model->engine()->ExportState(*state, absl::MakeSpan(values)).ok());
  EXPECT_EQ(values, given);
}

TEST_F(LoadModelTest, TypeIsTheOneThatIsNamed) {
  ASSERT_TRUE(options_.SetText("type", "q8").ok());
  EXPECT_EQ((*Load())->type(), "q8");
  ASSERT_TRUE(options_.SetText("type", "q3").ok());
  EXPECT_THAT(Load().status().message(), HasSubstr("q3"));
}

TEST_F(LoadModelTest, AutoAndAllLayersOnOneDeviceAreThatDevice) {
  for (const char* device : {"auto", "reference", "reference=0-1"}) {
    ASSERT_TRUE(options_.SetText("device", device).ok());
    const auto model = Load();
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_EQ((*model)->placement(), "reference");
  }
}

TEST_F(LoadModelTest, WithoutRoomItNamesTheNeedAndLeavesNoModel) {
  ASSERT_TRUE(options_.SetText("device_memory", "reference=100KiB").ok());
  const absl::Status status = Load().status();
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_THAT(status.message(), HasSubstr("device reference is full: the model needs"));
  EXPECT_THAT(status.message(), HasSubstr("the 100 KiB that it may take (option device_memory)"));
  EXPECT_EQ(runtime_->metrics().models.load(), 0);
}

TEST_F(LoadModelTest, LimitOfADeviceThatIsNotThereIsAnError) {
  ASSERT_TRUE(options_.SetText("device_memory", "cuda:0=1GiB").ok());
  EXPECT_TRUE(absl::IsNotFound(Load().status()));
}

TEST_F(LoadModelTest, StateTypeThatADeviceLacksIsRefused) {
  ASSERT_TRUE(options_.SetText("state_type", "f32").ok());
  EXPECT_TRUE(Load().ok());
  ASSERT_TRUE(options_.SetText("state_type", "f16").ok());
  EXPECT_EQ(Load().status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(Load().status().message(), HasSubstr("state_type f16: device reference"));
  ASSERT_TRUE(options_.SetText("state_type", "f64").ok());
  EXPECT_TRUE(absl::IsInvalidArgument(Load().status()));
}

TEST_F(LoadModelTest, WithoutADeviceItSaysWhereToLook) {
  runtime_ = MakeRuntime(false);
  const absl::Status status = Load().status();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(status.message(), HasSubstr("no backend plugin"));
}

TEST_F(LoadModelTest, DeviceThatIsNotThereIsNamed) {
  ASSERT_TRUE(options_.SetText("device", "cuda:7").ok());
  EXPECT_THAT(Load().status().message(), HasSubstr("cuda:7"));
}

TEST_F(LoadModelTest, TokenizerThatIsNotThereIsAnError) {
  ASSERT_TRUE(options_.SetText("tokenizer", "/no/such/vocabulary").ok());
  EXPECT_TRUE(absl::IsNotFound(Load().status()));
}

TEST_F(LoadModelTest, NumberOfStreamsIsTheOption) {
  ASSERT_TRUE(options_.SetInt("max_streams", 1).ok());
  const auto model = *Load();
  const auto stream = *Stream::Create(model, "");
  EXPECT_TRUE(absl::IsResourceExhausted(Stream::Create(model, "").status()));
}

TEST_F(LoadModelTest, FailedLoadLeavesNoModel) {
  ASSERT_TRUE(options_.SetText("device", "reference=0-5").ok());
  EXPECT_FALSE(Load().ok());
  EXPECT_EQ(runtime_->metrics().models.load(), 0);
}

}  // namespace
}  // namespace skein
