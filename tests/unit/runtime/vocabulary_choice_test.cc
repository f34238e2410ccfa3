// What lies in the file, what lies beside it and how many rows the model has decide which vocabulary it is used with.
#include "runtime/vocabulary_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/fake_format.h"
#include "tests/support/serial_host.h"
#include "tests/unit/plugins/tokenizers/small_bpe.h"
#include "tokenizers/bpe/tokenizer.h"
#include "tokenizers/bytes/tokenizer.h"
#include "tokenizers/table.h"
#include "tokenizers/world/tokenizer.h"

namespace skein {
namespace {

using ::skein::testing::SerialHost;
using ::skein::testing::TempFolder;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<TokenizerPlugin> Plugins() {
  return {{"bpe", &plugin::TokenizerTable<tokenizers::BpeTokenizer>::kTable},
          {"bytes", &plugin::TokenizerTable<tokenizers::BytesTokenizer>::kTable},
          {"world", &plugin::TokenizerTable<tokenizers::WorldTokenizer>::kTable}};
}

class NoWeights final : public WeightSource {
 public:
  absl::Span<const TensorSpec> tensors() const override { return {}; }
  absl::StatusOr<StoredTensor> View(size_t /*index*/, std::vector<uint8_t>& /*scratch*/) const override {
    return absl::OutOfRangeError("no tensors");
  }
};

// World vocabularies with ids below `num_ids`, in both forms.
std::string Numbered(uint32_t num_ids) {
  std::string file;
  for (uint32_t id = 1; id < num_ids; ++id) {
    const std::string text = "t" + std::to_string(id);
    file += std::to_string(id) + " '" + text + "' " + std::to_string(text.size()) + "\n";
  }
  return file;
}
std::string Literals(uint32_t num_ids) {
  std::string file = "b'<s>'\n";
  for (uint32_t id = 1; id < num_ids; ++id) file += "'t" + std::to_string(id) + "'\n";
  return file;
}
// A tokenizer.json with ids below `num_ids`, 268 or more.
std::string Bpe(uint32_t num_ids) {
  nlohmann::json definition = tokenizers::SmallBpe();
  nlohmann::json token = definition["added_tokens"][0];
  token["id"] = num_ids - 1;
  token["content"] = "<|last|>";
  definition["added_tokens"].push_back(token);
  return definition.dump();
}

class VocabularyChoiceTest : public ::testing::Test {
 protected:
  // A model in `folder_`. `kind` "" : the file has no vocabulary.
  std::unique_ptr<ModelFile> Model(uint32_t num_rows, const std::string& kind = "", const std::string& format = "pth") {
    ModelContents contents;
    contents.path = folder_.path() + "/model.pth";
    contents.config.vocab_size = num_rows;
    contents.metadata.tokenizer_kind = kind;
    contents.metadata.source_format = format;
    contents.vocabulary = {reinterpret_cast<const uint8_t*>(embedded_.data()), embedded_.size()};
    contents.weights = std::make_unique<NoWeights>();
    return std::make_unique<ModelFile>(SerialHost(), std::move(contents));
  }
  // Chooses, and makes the tokenizer.
  VocabularyChoice Choose(uint32_t num_rows, const std::string& kind = "", const std::string& format = "pth") {
    const auto file = Model(num_rows, kind, format);
    auto choice = ChooseVocabulary(plugins_, SerialHost(), *file);
    EXPECT_TRUE(choice.ok()) << choice.status();
    const auto tokenizer = MakeTokenizer(plugins_, SerialHost(), *file, &*choice);
    EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
    EXPECT_EQ(*tokenizer != nullptr, choice->origin.has_value());
    EXPECT_EQ(choice->absence.empty(), choice->origin.has_value());
    if (choice->origin) {
      EXPECT_EQ((*tokenizer)->origin(), *choice->origin);
      EXPECT_EQ((*tokenizer)->kind(), choice->kind);
      EXPECT_EQ((*tokenizer)->where(), choice->where);
    }
    return *std::move(choice);
  }
  std::string Write(const std::string& name, const std::string& contents) { return folder_.Write(name, contents); }

  const TempFolder folder_;
  std::string embedded_;
  std::vector<TokenizerPlugin> plugins_ = Plugins();
};

TEST_F(VocabularyChoiceTest, TheOneInTheFileComesFirst) {
  embedded_ = Numbered(300);
  Write("rwkv_vocab_v20230424.txt", Numbered(300));
  const VocabularyChoice choice = Choose(300, "world");
  EXPECT_EQ(choice.origin, VocabularyOrigin::kModel);
  EXPECT_EQ(choice.where, folder_.path() + "/model.pth");
  EXPECT_THAT(choice.warnings, IsEmpty());
}

TEST_F(VocabularyChoiceTest, FilesBesideComeInTheOrderOfTheirNames) {
  const std::pair<const char*, std::string> files[] = {{"20B_tokenizer.json", Bpe(300)},
                                                       {"tokenizer.json", Bpe(300)},
                                                       {"vocab.txt", Literals(300)},
                                                       {"rwkv_vocab_v20230424.txt", Numbered(300)}};
  for (const auto& [name, contents] : files) {
    const std::string path = Write(name, contents);
    const VocabularyChoice choice = Choose(300);
    EXPECT_EQ(choice.origin, VocabularyOrigin::kBeside);
    EXPECT_EQ(choice.where, path);
    EXPECT_THAT(choice.warnings, IsEmpty());
  }
}

TEST_F(VocabularyChoiceTest, AFileThatFitsComesBeforeOneThatDoesNot) {
  const std::string misfit = Write("rwkv_vocab_v20230424.txt", Numbered(1000));
  const std::string fit = Write("20B_tokenizer.json", Bpe(300));
  const VocabularyChoice choice = Choose(300);
  EXPECT_EQ(choice.where, fit);
  EXPECT_EQ(choice.kind, "bpe");
  EXPECT_THAT(choice.warnings, IsEmpty()) << "folders of many models have the vocabularies of all";
}

TEST_F(VocabularyChoiceTest, RowsTellTheOneInTheBox) {
  for (const uint32_t num_rows : {65529u, 65530u, 65535u, 65536u}) {
    const VocabularyChoice choice = Choose(num_rows);
    EXPECT_EQ(choice.origin, VocabularyOrigin::kBox) << num_rows;
    EXPECT_EQ(choice.kind, "world");
    EXPECT_EQ(choice.where, "world");
    EXPECT_EQ(choice.tokenizer->vocab_size(), 65530u);
    EXPECT_EQ(choice.warnings.empty(), num_rows > 65529) << num_rows;
  }
  for (const uint32_t num_rows : {1u, 300u, 50277u, 65528u, 65537u}) {
    EXPECT_EQ(Choose(num_rows).origin, std::nullopt) << num_rows;
  }
}

TEST_F(VocabularyChoiceTest, AFileBesideComesBeforeTheBox) {
  const std::string path = Write("vocab.txt", Literals(65530));
  const VocabularyChoice choice = Choose(65536);
  EXPECT_EQ(choice.origin, VocabularyOrigin::kBeside);
  EXPECT_EQ(choice.where, path);
}

TEST_F(VocabularyChoiceTest, AMisfitBesideAModelWhoseRowsAreKnownIsPassedOver) {
  const std::string path = Write("20B_tokenizer.json", Bpe(50277));
  const VocabularyChoice world = Choose(65536);
  EXPECT_EQ(world.origin, VocabularyOrigin::kBox);
  EXPECT_THAT(world.warnings, ElementsAre(AllOf(HasSubstr(path), HasSubstr("50276"), HasSubstr("65536 rows"),
                                                HasSubstr("passed over"))));
  EXPECT_EQ(Choose(50277).where, path);
}

TEST_F(VocabularyChoiceTest, RowsOfPileModelsNameTheirFile) {
  const VocabularyChoice choice = Choose(50277);
  EXPECT_THAT(choice.absence, AllOf(HasSubstr("20B_tokenizer.json"), HasSubstr("beside the model")));
  Write("rwkv_vocab_v20230424.txt", Numbered(65530));
  EXPECT_THAT(Choose(50277).absence, AllOf(HasSubstr("whose vocabulary is 20B_tokenizer.json"),
                                           HasSubstr("rwkv_vocab_v20230424.txt: the vocabulary has ids up to 65529")));
}

TEST_F(VocabularyChoiceTest, AMisfitBesideAModelOfUnknownRowsIsTakenWithAWarning) {
  const std::string path = Write("tokenizer.json", Bpe(1000));
  const VocabularyChoice choice = Choose(300);
  EXPECT_EQ(choice.where, path);
  EXPECT_THAT(choice.warnings, ElementsAre(HasSubstr(path + ": the vocabulary has ids up to 999")));
}

TEST_F(VocabularyChoiceTest, AnEmbeddedMisfitIsTakenWithAWarning) {
  embedded_ = Numbered(400);
  const VocabularyChoice choice = Choose(300, "world");
  EXPECT_EQ(choice.origin, VocabularyOrigin::kModel);
  EXPECT_THAT(choice.warnings, ElementsAre(AllOf(HasSubstr("ids up to 399"), HasSubstr("300 rows"))));
}

TEST_F(VocabularyChoiceTest, ADamagedFileBesideIsPassedOverWithItsLine) {
  const std::string damaged = Write("rwkv_vocab_v20230424.txt", Numbered(300) + "300 'x' 7\n");
  EXPECT_THAT(Choose(301).absence, HasSubstr(damaged + ": world: vocabulary line 300: expected length 1"));
  const std::string sound = Write("tokenizer.json", Bpe(301));
  const VocabularyChoice choice = Choose(301);
  EXPECT_EQ(choice.where, sound);
  EXPECT_THAT(choice.warnings, ElementsAre(AllOf(HasSubstr("line 300"), HasSubstr("passed over"))));
}

TEST_F(VocabularyChoiceTest, FilesOfOtherKindsAreNoVocabularies) {
  Write("vocab.txt", "[PAD]\n[UNK]\nthe\n");
  Write("tokenizer.json", R"({"model": {"type": "Unigram"}})");
  const VocabularyChoice choice = Choose(65536);
  EXPECT_EQ(choice.origin, VocabularyOrigin::kBox);
  EXPECT_THAT(choice.warnings, ElementsAre(HasSubstr("vocab.txt: expected a vocabulary"), HasSubstr("Unigram")));
}

TEST_F(VocabularyChoiceTest, APointerToAFileThatWasNotDownloadedIsNamed) {
  Write("tokenizer.json", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 2467981\n");
  EXPECT_THAT(Choose(65536).warnings, ElementsAre(AllOf(HasSubstr("tokenizer.json"), HasSubstr("Git LFS pointer"))));
  EXPECT_THAT(Choose(300).absence, HasSubstr("Git LFS pointer"));
}

TEST_F(VocabularyChoiceTest, WithoutThePluginThereIsNoneInTheBox) {
  plugins_.pop_back();
  const VocabularyChoice choice = Choose(65536);
  EXPECT_EQ(choice.origin, std::nullopt);
  EXPECT_THAT(choice.absence, HasSubstr("World models, whose vocabulary is rwkv_vocab_v20230424.txt"));
}

TEST_F(VocabularyChoiceTest, MadeUpModelsHaveNone) {
  Write("rwkv_vocab_v20230424.txt", Numbered(65530));
  EXPECT_THAT(Choose(65536, "", "synthetic").absence, HasSubstr("made up"));
}

TEST_F(VocabularyChoiceTest, ADamagedEmbeddedVocabularyIsAnError) {
  embedded_ = "1 'a' 2\n";
  const auto file = Model(300, "world");
  auto choice = ChooseVocabulary(plugins_, SerialHost(), *file);
  ASSERT_TRUE(choice.ok());
  const auto tokenizer = MakeTokenizer(plugins_, SerialHost(), *file, &*choice);
  EXPECT_TRUE(absl::IsDataLoss(tokenizer.status()));
  EXPECT_THAT(std::string(tokenizer.status().message()), HasSubstr("model.pth: world: vocabulary line 1"));
}

TEST(DescribeMisfitTest, PaddingIsNoMisfit) {
  const std::pair<uint32_t, uint32_t> fits[] = {{65530, 65536}, {50277, 50277}, {50277, 50304}, {50277, 50432},
                                                {65530, 65530}, {256, 256},     {257, 384},     {300, 300}};
  for (const auto& [num_ids, num_rows] : fits) EXPECT_EQ(DescribeMisfit(num_ids, num_rows), "") << num_ids;
}

TEST(DescribeMisfitTest, NamesBothNumbersAndThePublishedVocabulary) {
  EXPECT_THAT(DescribeMisfit(65530, 300), AllOf(HasSubstr("ids up to 65529"), HasSubstr("300 rows")));
  EXPECT_THAT(DescribeMisfit(301, 300), HasSubstr("no row for the others"));
  EXPECT_THAT(DescribeMisfit(256, 65536), HasSubstr("that of World models is \"world\", in the box"));
  EXPECT_THAT(DescribeMisfit(50277, 65536), HasSubstr("another vocabulary"));
  EXPECT_THAT(DescribeMisfit(65530, 50277), HasSubstr("that of RWKV-4 Pile models is 20B_tokenizer.json"));
  EXPECT_THAT(DescribeMisfit(100, 300), HasSubstr("another vocabulary"));
}

}  // namespace
}  // namespace skein
