#include "files/describe.h"

#include <memory>
#include <utility>

#include "files/convert.h"
#include "files/open.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/tiny_model.h"

namespace skein {
namespace {

using ::skein::testing::FakeFormat;
using ::skein::testing::FakeTensor;
using ::skein::testing::SerialHost;
using ::skein::testing::TempFile;
using ::skein::testing::TinyBlinkDl;
using ::skein::testing::TinyStates;
using ::testing::HasSubstr;
using ::testing::Not;

// A package of the tiny model, with every kind of metadata.
class DescribeTest : public ::testing::Test {
 protected:
  DescribeTest() : format_(TinyBlinkDl()), file_("tiny.skein") {
    auto in = OpenModelFile(format_.plugins(), SerialHost(), format_.path(), FileAccess::kMap);
    ConvertOptions options;
    options.type = "bf16";
    options.name = "tiny \x1b[2J";
    options.licence = "none";
    options.chat_template = "world";
    options.tokenizer = TokenizerSource{"bytes", ""};
    EXPECT_TRUE(Convert(**in, file_.path(), options, nullptr).ok());
    model_ = *OpenModelFile(format_.plugins(), SerialHost(), file_.path(), FileAccess::kMap);
  }

  FakeFormat format_;
  TempFile file_;
  std::unique_ptr<ModelFile> model_;
};

TEST_F(DescribeTest, NamesTheLayoutOfEveryTensor) {
  const nlohmann::json json = nlohmann::json::parse(DescribeJson(*model_));
  for (const nlohmann::json& tensor : json["tensors"]) {
    const bool is_panels = tensor["dtype"] == "bf16" && tensor["name"] != "embedding";
    EXPECT_EQ(tensor["layout"], is_panels ? "panels" : "rows") << tensor["name"];
  }
  const std::string text = DescribeText(*model_);
  EXPECT_THAT(text, HasSubstr("  layout           panels in "));
  EXPECT_THAT(text, HasSubstr("[5, 8]            in panels"));
  const auto checkpoint = OpenModelFile(format_.plugins(), SerialHost(), format_.path(), FileAccess::kMap);
  EXPECT_THAT(DescribeText(**checkpoint), Not(HasSubstr("panels")));
}

TEST_F(DescribeTest, NoLineEndsInSpaces) { EXPECT_THAT(DescribeText(*model_), Not(HasSubstr(" \n"))); }

TEST_F(DescribeTest, CountsTheParameters) {
  uint64_t expected = 0;
  for (const auto& tensor : TinyBlinkDl()) expected += tensor.bytes.size() / sizeof(float);
  EXPECT_EQ(NumParameters(*model_), expected);
}

TEST_F(DescribeTest, TheVocabularyIsThatOfTheCaller) {
  const struct {
    DescribedVocabulary vocabulary;
    const char* text;
  } cases[] = {
      {{"world", "model", "tiny.skein", {}}, "  tokenizer        world\n"},
      {{"world", "beside", "a/vocab\x1b.txt", {}}, "  tokenizer        world, vocabulary in a/vocab\\x1b.txt\n"},
      {{"world", "box", "world", {"x\ny"}}, "  tokenizer        world, vocabulary in the box, by the number of rows\n"},
  };
  for (const auto& c : cases) {
    const nlohmann::json json = nlohmann::json::parse(DescribeJson(*model_, {.vocabulary = c.vocabulary}));
    EXPECT_EQ(json["tokenizer"]["kind"], "world");
    EXPECT_EQ(json["tokenizer"]["origin"], c.vocabulary.origin);
    EXPECT_EQ(json["tokenizer"]["path"], c.vocabulary.where);
    EXPECT_EQ(json["tokenizer"].contains("vocabulary_bytes"), c.vocabulary.origin == "model");
    EXPECT_EQ(json["tokenizer_notes"], c.vocabulary.notes);
    const std::string text = DescribeText(*model_, {.vocabulary = c.vocabulary});
    EXPECT_THAT(text, HasSubstr(c.text));
    EXPECT_EQ(text.find("  note             x\\ny\n") != std::string::npos, !c.vocabulary.notes.empty()) << text;
  }
  EXPECT_EQ(nlohmann::json::parse(DescribeJson(*model_, {}))["tokenizer"], nullptr);
  EXPECT_THAT(DescribeText(*model_, {}), Not(HasSubstr("  tokenizer ")));
}

TEST_F(DescribeTest, JsonHoldsDimensionsTypesAndEveryTensor) {
  const nlohmann::json json = nlohmann::json::parse(DescribeJson(*model_));
  EXPECT_EQ(json["format"], "package");
  EXPECT_EQ(json["generation"], 7);
  EXPECT_EQ(json["version"], "RWKV-7");
  EXPECT_EQ(json["d_att"], 8);
  EXPECT_EQ(json["num_heads"], 2);
  EXPECT_EQ(json["chat_template"], "world");
  EXPECT_EQ(json["has_initial_state"], false);
  EXPECT_EQ(json["num_layers"], 2);
  EXPECT_EQ(json["vocab_size"], 5);
  EXPECT_EQ(json["ranks"]["gate"], 6);
  EXPECT_EQ(json["num_parameters"], NumParameters(*model_));
  EXPECT_EQ(json["state_bytes_per_stream"], 96 * 4);
  EXPECT_EQ(json["name"], "tiny \x1b[2J");
  EXPECT_EQ(json["licence"], "none");
  EXPECT_EQ(json["source_fingerprint"], *model_->Fingerprint());
  EXPECT_EQ(json["weights"]["bf16"]["num_parameters"].get<uint64_t>() +
                json["weights"]["f32"]["num_parameters"].get<uint64_t>(),
            NumParameters(*model_));
  ASSERT_EQ(json["tensors"].size(), model_->tensors().size());
  EXPECT_EQ(json["tensors"][0]["name"], "embedding");
  EXPECT_EQ(json["tensors"][0]["shape"], nlohmann::json({5, 8}));
  EXPECT_EQ(json["tensors"][0]["dtype"], "bf16");
}

TEST_F(DescribeTest, ANumberOf32BitsHasTheDigitsThatItWasWrittenWith) {
  const nlohmann::json json = nlohmann::json::parse(DescribeJson(*model_));
  EXPECT_EQ(json["norm_epsilon"], 1e-5);
  EXPECT_EQ(json["group_norm_epsilon"], 64e-5);
}

TEST_F(DescribeTest, SaysByWhatNameAndTemplateWereDecided) {
  const DescribedTemplate chat = {"world", "manifest"};
  const nlohmann::json json = nlohmann::json::parse(DescribeJson(*model_, {.chat = chat}));
  EXPECT_EQ(json["name_decided_by"], "manifest");
  EXPECT_EQ(json["chat"], nlohmann::json({{"template", "world"}, {"decided_by", "manifest"}}));
  const std::string text = DescribeText(*model_, {.chat = chat});
  EXPECT_THAT(text, HasSubstr("  name             tiny \\x1b[2J (by the manifest)\n"));
  EXPECT_THAT(text, HasSubstr("  chat template    world (by the manifest)\n"));
  EXPECT_THAT(text, Not(HasSubstr("template text")));
  EXPECT_THAT(DescribeText(*model_, {.chat = {"g1", "name"}}), HasSubstr("  template text    world\n"));
  EXPECT_THAT(DescribeText(*model_), Not(HasSubstr("chat template")));
}

TEST_F(DescribeTest, TextNamesTheSameThingsAndObeysNoEscapes) {
  const std::string text = DescribeText(*model_);
  EXPECT_THAT(text, HasSubstr("RWKV-7"));
  EXPECT_THAT(text, HasSubstr("384 bytes per stream"));
  EXPECT_THAT(text, HasSubstr("layers.1.time.decay.down"));
  EXPECT_THAT(text, HasSubstr("[3, 8]"));
  EXPECT_THAT(text, HasSubstr("tiny \\x1b[2J"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

bool HasText(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

TEST(DescribeVersionsTest, SaysWhatAVersionHasAndNothingElse) {
  const struct {
    VersionSet version;
    const char* generation;
    const char* state;
    const char* ranks;  // nullptr: none
  } cases[] = {
      {kV4, "RWKV-4", "416 bytes per stream", nullptr},
      {kV51, "RWKV-5.1", "512 bytes per stream", nullptr},
      {kV6, "RWKV-6", "512 bytes per stream", "mix 2, decay 3"},
      {kV7, "RWKV-7", "384 bytes per stream", "decay 3, iclr 2, value 1, gate 6"},
  };
  for (const auto& c : cases) {
    std::vector<FakeTensor> tensors = TinyBlinkDl(c.version);
    if (c.version == kV6) {
      for (FakeTensor& state : TinyStates(kV6)) tensors.push_back(std::move(state));
    }
    const FakeFormat format(tensors);
    const auto model = OpenModelFile(format.plugins(), SerialHost(), format.path(), FileAccess::kMap);
    ASSERT_TRUE(model.ok()) << model.status();
    const std::string text = DescribeText(**model);
    EXPECT_THAT(text, HasSubstr(c.generation));
    EXPECT_THAT(text, HasSubstr(c.state));
    EXPECT_EQ(HasText(text, c.ranks != nullptr ? c.ranks : "ranks"), c.ranks != nullptr) << text;
    EXPECT_EQ(HasText(text, "3 of size 4") || HasText(text, "2 of size 4"), c.version != kV4) << text;
    EXPECT_EQ(HasText(text, "initial state"), c.version == kV6) << text;
    const nlohmann::json json = nlohmann::json::parse(DescribeJson(**model));
    EXPECT_EQ(json["version"], c.generation);
    EXPECT_EQ(json.contains("num_heads"), c.version != kV4);
    EXPECT_EQ(json["ranks"].contains("mix"), c.version == kV6);
    EXPECT_EQ(json["has_initial_state"], c.version == kV6);
    EXPECT_EQ(json["tensors"].size(), (*model)->tensors().size());
  }
}

}  // namespace
}  // namespace skein
