#include "files/checkpoint/checkpoint_settings.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "files/open.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/model_file.h"
#include "tests/support/tensor_values.h"
#include "tests/support/tiny_model.h"

namespace skein {
namespace {

using ::skein::testing::FakeFormat;
using ::skein::testing::FakeTensor;
using ::skein::testing::Mixes;
using ::skein::testing::SerialHost;
using ::skein::testing::TempFolder;
using ::skein::testing::TensorValues;
using ::skein::testing::TinyBlinkDl;
using ::skein::testing::TinyFla;
using ::skein::testing::TinyHuggingFace;
using ::testing::AllOf;
using ::testing::HasSubstr;

// A checkpoint in a folder of its own, for files beside it.
class SettingsTest : public ::testing::Test {
 protected:
  // The model lives until the next one is opened.
  absl::StatusOr<const ModelFile*> Open(const std::vector<FakeTensor>& tensors,
                                        const std::vector<ContainerText>& texts = {}) {
    model_ = nullptr;
    format_ = nullptr;
    format_ = std::make_unique<FakeFormat>(tensors, texts);
    path_ = folder_.Write("model.fake", format_->contents());
    auto model = OpenModelFile(format_->plugins(), SerialHost(), path_, FileAccess::kRead);
    if (!model.ok()) return model.status();
    model_ = *std::move(model);
    return model_.get();
  }
  absl::StatusOr<const ModelFile*> OpenFla() { return Open(TinyFla(Mixes::kSplit)); }

  void WriteConfig(const std::string& json) const { folder_.Write("config.json", json); }

  const TempFolder folder_;
  std::unique_ptr<FakeFormat> format_;
  std::string path_;
  std::unique_ptr<ModelFile> model_;
};

std::string Text(absl::Span<const uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

TEST_F(SettingsTest, WithoutAnythingBesideTheEpsilonsAreTheAuthors) {
  const auto model = Open(TinyHuggingFace(kV6));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->config().norm_epsilon, 1e-5f);
  EXPECT_EQ((*model)->config().group_norm_epsilon, 64e-5f);
  EXPECT_EQ((*model)->metadata().tokenizer_kind, "");
  EXPECT_EQ((*model)->metadata().chat_template, "");
  EXPECT_EQ((*model)->metadata().name, folder_.path().substr(folder_.path().rfind('/') + 1));
  EXPECT_EQ((*model)->metadata().name_source, NameSource::kFolder);
}

TEST_F(SettingsTest, FlaNormalisesHeadsWithTheirSizeTimesTheEpsilon) {
  const auto without = OpenFla();
  ASSERT_TRUE(without.ok()) << without.status();
  EXPECT_FLOAT_EQ((*without)->config().group_norm_epsilon, 4e-5f);
  WriteConfig(R"({"norm_eps": 1e-6, "hidden_size": 8, "head_dim": 4})");
  const auto with = OpenFla();
  ASSERT_TRUE(with.ok()) << with.status();
  EXPECT_EQ((*with)->config().norm_epsilon, 1e-6f);
  EXPECT_FLOAT_EQ((*with)->config().group_norm_epsilon, 4e-6f);
}

TEST_F(SettingsTest, TheEpsilonOfHuggingFaceIsTheLayerNorms) {
  WriteConfig(R"({"layer_norm_epsilon": 1e-4, "intermediate_size": null, "attention_hidden_size": 12})");
  const auto model = Open(TinyHuggingFace(kV4));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->config().norm_epsilon, 1e-4f);
}

TEST_F(SettingsTest, AConfigThatContradictsTheShapesIsRefusedWithBoth) {
  for (const char* json : {R"({"hidden_size": 16})", R"({"hidden_size": -8})", R"({"hidden_size": 8.5})"}) {
    WriteConfig(json);
    const absl::Status status = OpenFla().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << json;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("config.json: \"hidden_size\""), HasSubstr("but 8"), HasSubstr("model.fake")));
  }
  for (const char* json : {R"({"num_hidden_layers": 3})", R"({"vocab_size": 6})", R"({"intermediate_size": 13})",
                           R"({"head_dim": 8})", R"({"decay_low_rank_dim": 4})", R"({"v_low_rank_dim": 2})"}) {
    WriteConfig(json);
    EXPECT_EQ(OpenFla().status().code(), absl::StatusCode::kInvalidArgument) << json;
  }
}

TEST_F(SettingsTest, AnAbsurdEpsilonIsRefused) {
  for (const char* json :
       {R"({"norm_eps": 0})", R"({"norm_eps": -1e-5})", R"({"norm_eps": 1})", R"({"norm_eps": 5e30})"}) {
    WriteConfig(json);
    const absl::Status status = OpenFla().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << json;
    EXPECT_THAT(std::string(status.message()), HasSubstr("config.json: \"norm_eps\""));
  }
}

TEST_F(SettingsTest, AConfigThatIsNoJsonObjectIsRefused) {
  for (const char* json : {"", "[1, 2]", "{\"hidden_size\": ", "\xff\xfe"}) {
    WriteConfig(json);
    const absl::Status status = OpenFla().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << json;
    EXPECT_THAT(std::string(status.message()), HasSubstr("config.json: expected a JSON object"));
  }
  WriteConfig(std::string(2 << 20, ' '));
  EXPECT_THAT(std::string(OpenFla().status().message()), HasSubstr("expected at most"));
}

TEST_F(SettingsTest, AByteOrderMarkInFrontOfTheConfigIsSkipped) {
  WriteConfig("\xEF\xBB\xBF{\"norm_eps\": 1e-6}");
  const auto model = OpenFla();
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->config().norm_epsilon, 1e-6f);
}

TEST_F(SettingsTest, OnlyHuggingFacesFilesHaveAConfig) {
  WriteConfig(R"({"hidden_size": 16})");
  EXPECT_TRUE(Open(TinyBlinkDl()).ok());
}

TEST_F(SettingsTest, TheChatTemplateBesideIsTheModels) {
  const auto text = [this](const std::vector<ContainerText>& texts = {}) {
    const auto model = Open(TinyBlinkDl(), texts);
    return model.ok() ? (*model)->metadata().chat_template : std::string(model.status().message());
  };
  const struct {
    const char* config;
    const char* text;
  } cases[] = {
      {R"({"chat_template": "plain"})", "plain"},
      {R"({"chat_template": [{"name": "tool_use", "template": "a"}, {"name": "default", "template": "b"}]})", "b"},
      {R"({"chat_template": [{"name": "rag", "template": "a"}, {"name": "tool_use", "template": "b"}]})", "a"},
      {R"({"chat_template": {"tools": "a", "default": "b"}})", "b"},
      // Nothing of use: the model works without it.
      {R"({"chat_template": [1, {"name": "default"}, {"template": 2}]})", ""},
      {R"({"chat_template": null})", ""},
      {R"({"chat_template": {}})", ""},
      {R"({"eos_token": "x"})", ""},
      {"{\"chat_template\": ", ""},
      {"[]", ""},
  };
  for (const auto& c : cases) {
    folder_.Write("tokenizer_config.json", c.config);
    EXPECT_EQ(text(), c.text) << c.config;
  }
  folder_.Write("tokenizer_config.json", R"({"chat_template": "config"})");
  folder_.Write("chat_template.json", R"({"chat_template": "json"})");
  EXPECT_EQ(text(), "json");
  folder_.Write("chat_template.jinja", "jinja \xff");
  EXPECT_EQ(text(), "jinja \uFFFD");
  EXPECT_EQ(text({{"skein.chat_template", "container"}}), "container");
}

TEST_F(SettingsTest, ATemplateBesideAFileOfAnotherNameIsNotItsOwn) {
  folder_.Write("chat_template.jinja", "jinja");
  const FakeFormat format(TinyBlinkDl());
  const std::string path = folder_.Write("rwkv7-g1.fake", format.contents());
  const auto model = OpenModelFile(format.plugins(), SerialHost(), path, FileAccess::kRead);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->metadata().chat_template, "");
  EXPECT_EQ((*model)->metadata().name, "rwkv7-g1");
}

TEST_F(SettingsTest, TheContainerTellsNameVocabularyAndMore) {
  const auto model = Open(TinyFla(Mixes::kSplit), {{"skein.name", "Goose"},
                                                   {"skein.licence", "Apache-2.0"},
                                                   {"skein.tokenizer.kind", "world"},
                                                   {"skein.tokenizer.vocabulary", "1 'b' 1\n"},
                                                   {"skein.end_token", "4"},
                                                   {"skein.chat_template", "rwkv-world"},
                                                   {"skein.norm_epsilon", "1e-6"},
                                                   {"skein.group_norm_epsilon", "0.001"}});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->metadata().name, "Goose");
  EXPECT_EQ((*model)->metadata().licence, "Apache-2.0");
  EXPECT_EQ((*model)->metadata().tokenizer_kind, "world");
  EXPECT_EQ(Text((*model)->vocabulary()), "1 'b' 1\n");
  EXPECT_EQ((*model)->metadata().end_token, 4u);
  EXPECT_EQ((*model)->metadata().chat_template, "rwkv-world");
  EXPECT_EQ((*model)->config().norm_epsilon, 1e-6f);
  EXPECT_EQ((*model)->config().group_norm_epsilon, 0.001f);
}

TEST_F(SettingsTest, MetadataThatMakesNoSenseIsRefusedByKey) {
  const ContainerText cases[] = {
      {"skein.end_token", "5"},      {"skein.end_token", "-1"},      {"skein.end_token", "x"},
      {"skein.norm_epsilon", "nan"}, {"skein.norm_epsilon", "0"},    {"skein.norm_epsilon", "small"},
      {"skein.name", "\xff"},        {"skein.rescale_every", "two"}, {"skein.rescale_every", "-1"},
  };
  for (const ContainerText& text : cases) {
    const absl::Status status = Open(TinyBlinkDl(), {text}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text.key << " " << text.value;
    EXPECT_THAT(std::string(status.message()), HasSubstr(text.key));
  }
}

// The tensors but for the head, under any of its names.
std::vector<FakeTensor> WithoutHead(std::vector<FakeTensor> tensors) {
  const size_t num_tensors = tensors.size();
  tensors.erase(std::remove_if(tensors.begin(), tensors.end(),
                               [](const FakeTensor& tensor) {
                                 return tensor.name == "head.weight" || tensor.name == "lm_head.weight" ||
                                        tensor.name == "output.weight";
                               }),
                tensors.end());
  EXPECT_EQ(tensors.size(), num_tensors - 1);
  return tensors;
}

TEST_F(SettingsTest, AHeadThatTheConfigTiesIsTheEmbedding) {
  for (const std::vector<FakeTensor>& tensors :
       {TinyFla(Mixes::kSplit), testing::TinyHuggingFace7(), TinyHuggingFace(kV4)}) {
    const std::vector<FakeTensor> tied = WithoutHead(tensors);
    WriteConfig(R"({"tie_word_embeddings": true})");
    const auto model = Open(tied);
    ASSERT_TRUE(model.ok()) << model.status();
    const size_t last = (*model)->tensors().size() - 1;
    EXPECT_EQ((*model)->tensors()[last].role, uint32_t{SKEIN_ROLE_HEAD});
    EXPECT_EQ(TensorValues(**model, last), TensorValues(**model, 0));
    for (const char* json : {"{}", R"({"tie_word_embeddings": false})", R"({"tie_word_embeddings": "yes"})"}) {
      WriteConfig(json);
      const absl::Status status = Open(tied).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << json;
      EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("is missing"), HasSubstr("tie_word_embeddings")));
    }
  }
}

TEST_F(SettingsTest, AHeadThatIsThereIsUsedAlsoWhereTheConfigTiesIt) {
  WriteConfig(R"({"tie_word_embeddings": true})");
  const auto model = OpenFla();
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_NE(TensorValues(**model, (*model)->tensors().size() - 1), TensorValues(**model, 0));
}

TEST_F(SettingsTest, AGgufFileWithoutAHeadHasTheEmbeddingForIt) {
  const auto model = Open(WithoutHead(testing::TinyGguf(kV7)), testing::GgufTexts(kV7));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(TensorValues(**model, (*model)->tensors().size() - 1), TensorValues(**model, 0));
}

TEST_F(SettingsTest, TheAuthorsFilesHaveTheirHead) {
  WriteConfig(R"({"tie_word_embeddings": true})");
  EXPECT_EQ(Open(WithoutHead(TinyBlinkDl())).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(SettingsTest, AnotherActivationThanTheSquaredReluIsRefusedByName) {
  for (const char* json : {R"({"hidden_act": "sqrelu"})", R"({"hidden_act": "relu2"})", R"({"hidden_act": null})"}) {
    WriteConfig(json);
    EXPECT_TRUE(OpenFla().ok()) << json;
  }
  for (const char* json : {R"({"hidden_act": "silu"})", R"({"hidden_act": "relu"})", R"({"hidden_act": 2})"}) {
    WriteConfig(json);
    const absl::Status status = OpenFla().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << json;
    EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("config.json: \"hidden_act\""), HasSubstr("sqrelu")));
  }
}

TEST_F(SettingsTest, TheActivationOfAGgufFileIsCheckedToo) {
  std::vector<ContainerText> texts = testing::GgufTexts(kV7);
  texts.push_back({"rwkv7.hidden_activation", "sqrelu"});
  EXPECT_TRUE(Open(testing::TinyGguf(kV7), texts).ok());
  texts.back().value = "gelu";
  const absl::Status status = Open(testing::TinyGguf(kV7), texts).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("rwkv7.hidden_activation"), HasSubstr("gelu")));
}

}  // namespace
}  // namespace skein
