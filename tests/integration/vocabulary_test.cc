// Which vocabulary a model is used with, through the C ABI: the one in its file, beside it, in the box, or named.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/host.h"

namespace skein::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A folder of the test's own, which goes with it.
class VocabularyTest : public ::testing::Test {
 protected:
  VocabularyTest() : folder_(::testing::TempDir() + "/skein_vocabulary_" + std::to_string(getpid())) {
    std::filesystem::create_directory(folder_);
  }
  ~VocabularyTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  std::string Write(const std::string& name, const std::string& contents) const {
    std::ofstream(Path(name), std::ios::binary) << contents;
    return Path(name);
  }
  void Convert(const std::string& in, const std::string& out, const std::string& tokenizer = "") {
    const OwnedOptions options =
        MakeOptions(SKEIN_OPTIONS_CONVERT, {{"tokenizer", tokenizer}, {"type", "bf16"}}, {{"overwrite", 1}});
    SKEIN_CALL(skein_model_convert, runtime_.get(), in.c_str(), out.c_str(), options.get());
  }
  // A small model in a container, without a vocabulary.
  std::string WriteModel(const std::string& name, int num_rows) {
    Convert("synthetic:C=32,L=1,N=16,F=64,V=" + std::to_string(num_rows), Path(name));
    return Path(name);
  }
  OwnedModel Load(const std::string& path, const std::string& tokenizer = "") {
    OwnedModel model;
    skein_error error = {};
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_MODEL, {{"tokenizer", tokenizer}, {"device", "reference"}},
                                             {{"max_batch_streams", 2}});
    EXPECT_TRUE(Ok(skein_model_load(runtime_.get(), path.c_str(), options.get(), model.out(), &error), error));
    return model;
  }
  OwnedTokenizer TokenizerOf(const OwnedModel& model) {
    OwnedTokenizer tokenizer;
    skein_error error = {};
    EXPECT_TRUE(Ok(skein_model_tokenizer(model.get(), tokenizer.out(), &error), error));
    return tokenizer;
  }
  OwnedTokenizer LoadTokenizer(const std::string& path) {
    OwnedTokenizer tokenizer;
    skein_error error = {};
    EXPECT_TRUE(Ok(skein_tokenizer_load(runtime_.get(), path.c_str(), nullptr, tokenizer.out(), &error), error));
    return tokenizer;
  }
  std::vector<std::string> Warnings() {
    std::vector<std::string> warnings;
    std::string line(4096, '\0');
    uint64_t size = 0;
    uint32_t severity = 0;
    while (skein_runtime_poll_log(runtime_.get(), line.data(), line.size(), &size, &severity, nullptr) == SKEIN_OK) {
      if (severity >= SKEIN_LOG_WARNING) warnings.push_back(line.substr(0, size));
    }
    return warnings;
  }
  std::string Describe(const std::string& path, const std::string& format) {
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_DESCRIBE, {{"format", format}});
    std::string text(1 << 20, '\0');
    uint64_t size = 0;
    skein_error error = {};
    EXPECT_TRUE(
        Ok(skein_model_describe(runtime_.get(), path.c_str(), options.get(), text.data(), text.size(), &size, &error),
           error));
    return text.substr(0, size);
  }

  const std::string folder_;
  const OwnedRuntime runtime_ = MakeRuntime();
};

skein_tokenizer_info InfoOf(const OwnedTokenizer& tokenizer) {
  skein_tokenizer_info info = {};
  info.struct_size = sizeof(info);
  EXPECT_EQ(skein_tokenizer_get_info(tokenizer.get(), &info, nullptr), SKEIN_OK);
  return info;
}

std::vector<uint32_t> Encode(const OwnedTokenizer& tokenizer, const std::string& text) {
  std::vector<uint32_t> tokens(text.size());
  uint64_t count = 0;
  EXPECT_EQ(
      skein_tokenizer_encode(tokenizer.get(), text.data(), text.size(), tokens.data(), tokens.size(), &count, nullptr),
      SKEIN_OK);
  tokens.resize(count);
  return tokens;
}

void ExpectOrigin(const OwnedTokenizer& tokenizer, const std::string& kind, const std::string& origin,
                  const std::string& path) {
  const skein_tokenizer_info info = InfoOf(tokenizer);
  EXPECT_EQ(info.kind, kind);
  EXPECT_EQ(info.origin, origin);
  EXPECT_EQ(info.path, path);
}

constexpr char kText[] = "User: hi\n\n";
const std::vector<uint32_t> kWorldTokens = {24281, 59, 4571, 261};

TEST_F(VocabularyTest, AWorldModelNeedsNothingElse) {
  for (const char* name : {"world.safetensors", "world.skein"}) {
    const std::string path = WriteModel(name, 65536);
    const OwnedModel model = Load(path);
    EXPECT_EQ(skein::test::InfoOf(model.get()).has_tokenizer, 1u);
    EXPECT_EQ(skein::test::InfoOf(model.get()).end_token, 0u);
    for (const OwnedTokenizer& tokenizer : {TokenizerOf(model), LoadTokenizer(path)}) {
      ExpectOrigin(tokenizer, "world", "box", "world");
      EXPECT_EQ(Encode(tokenizer, kText), kWorldTokens);
    }
    EXPECT_THAT(Describe(path, "json"), AllOf(HasSubstr(R"("origin": "box")"), HasSubstr(R"("tokenizer_notes": [])")));
    EXPECT_THAT(Describe(path, "text"), HasSubstr("world, vocabulary in the box, by the number of rows"));
  }
  EXPECT_THAT(Warnings(), IsEmpty());
}

TEST_F(VocabularyTest, AConvertedWorldModelHoldsItsVocabulary) {
  const std::string in = WriteModel("world.safetensors", 65536);
  for (const char* name : {"out.skein", "out.safetensors"}) {
    Convert(in, Path(name));
    for (const OwnedTokenizer& tokenizer : {TokenizerOf(Load(Path(name))), LoadTokenizer(Path(name))}) {
      ExpectOrigin(tokenizer, "world", "model", Path(name));
      EXPECT_EQ(InfoOf(tokenizer).vocab_size, 65530u);
      EXPECT_EQ(Encode(tokenizer, kText), kWorldTokens);
    }
    // The vocabulary of a model file may be taken for another one.
    Convert(in, Path("again.skein"), Path(name));
    EXPECT_EQ(Encode(LoadTokenizer(Path("again.skein")), kText), kWorldTokens);
  }
  EXPECT_THAT(Warnings(), IsEmpty());
}

TEST_F(VocabularyTest, NamesNeedNoFile) {
  for (const char* name : {"world", "rwkv_vocab_v20230424"}) {
    const OwnedTokenizer tokenizer = LoadTokenizer(name);
    ExpectOrigin(tokenizer, "world", "given", name);
    EXPECT_EQ(Encode(tokenizer, kText), kWorldTokens);
  }
  ExpectOrigin(LoadTokenizer("bytes"), "bytes", "given", "bytes");
  const std::string in = WriteModel("small.skein", 300);
  Convert(in, Path("bytes.skein"), "bytes");
  EXPECT_EQ(Encode(LoadTokenizer(Path("bytes.skein")), "ab"), (std::vector<uint32_t>{'a', 'b'}));
}

TEST_F(VocabularyTest, AVocabularyBesideTheModelIsItsOwnInEveryContainer) {
  std::string literals = "b'<s>'\n";
  for (int byte = 0; byte < 256; ++byte) {
    char line[16];
    std::snprintf(line, sizeof(line), "b'\\x%02x'\n", byte);
    literals += line;
  }
  const std::string vocabulary = Write("vocab.txt", "\xEF\xBB\xBF" + literals);
  for (const char* name : {"m.safetensors", "m.skein"}) {
    const std::string path = WriteModel(name, 257);
    const OwnedTokenizer tokenizer = TokenizerOf(Load(path));
    ExpectOrigin(tokenizer, "world", "beside", vocabulary);
    EXPECT_THAT(Encode(tokenizer, "Hi"), ElementsAre(73, 106));
    Convert(path, Path("with.skein"));
    ExpectOrigin(LoadTokenizer(Path("with.skein")), "world", "model", Path("with.skein"));
    EXPECT_THAT(Encode(LoadTokenizer(Path("with.skein")), "Hi"), ElementsAre(73, 106));
    std::filesystem::remove(Path("with.skein"));
    std::filesystem::remove(path);
  }
  EXPECT_THAT(Warnings(), IsEmpty());
}

TEST_F(VocabularyTest, AModelWithoutOneLoadsAndSaysWhatToDo) {
  const std::string path = WriteModel("pile.skein", 50277);
  const OwnedModel model = Load(path);
  EXPECT_EQ(skein::test::InfoOf(model.get()).has_tokenizer, 0u);
  OwnedTokenizer tokenizer;
  skein_error error = {};
  EXPECT_EQ(skein_model_tokenizer(model.get(), tokenizer.out(), &error), SKEIN_NOT_FOUND);
  EXPECT_THAT(error.message, AllOf(HasSubstr("the model has no tokenizer"), HasSubstr("20B_tokenizer.json")));
  EXPECT_EQ(skein_tokenizer_load(runtime_.get(), path.c_str(), nullptr, tokenizer.out(), &error), SKEIN_NOT_FOUND);
  EXPECT_THAT(error.message, AllOf(HasSubstr("pile.skein: the model has no"), HasSubstr("20B_tokenizer.json")));
  const OwnedStream stream = MakeStream(model.get());
  OwnedRequest request;
  SKEIN_CALL(skein_request_create, stream.get(), request.out());
  EXPECT_EQ(skein_request_set_prompt(request.get(), "a", 1, &error), SKEIN_FAILED_PRECONDITION);
  EXPECT_THAT(error.message, HasSubstr("20B_tokenizer.json"));
  EXPECT_THAT(Describe(path, "json"), AllOf(HasSubstr(R"("tokenizer": null)"), HasSubstr("20B_tokenizer.json")));
}

TEST_F(VocabularyTest, OneThatDoesNotFitIsUsedWithAWarning) {
  const std::string world = WriteModel("world.skein", 65536);
  EXPECT_EQ(Encode(TokenizerOf(Load(world, "bytes")), "a"), std::vector<uint32_t>{'a'});
  EXPECT_THAT(Warnings(), ElementsAre(AllOf(HasSubstr("bytes: "), HasSubstr("65536 rows"), HasSubstr("\"world\""))));

  const std::string small = WriteModel("small.skein", 300);
  const OwnedModel model = Load(small, "world");
  EXPECT_THAT(Warnings(), ElementsAre(AllOf(HasSubstr("ids up to 65529"), HasSubstr("300 rows"))));
  const OwnedStream stream = MakeStream(model.get());
  OwnedRequest request;
  SKEIN_CALL(skein_request_create, stream.get(), request.out());
  SKEIN_CALL(skein_request_set_prompt, request.get(), "\n\n", 2);
  skein_error error = {};
  EXPECT_EQ(skein_request_set_prompt(request.get(), "User: hi", 8, &error), SKEIN_INVALID_ARGUMENT);
  EXPECT_THAT(error.message, HasSubstr("token 24281"));

  Convert(world, Path("odd.skein"), "bytes");
  EXPECT_THAT(Warnings(), ElementsAre(HasSubstr("65536 rows")));
  EXPECT_EQ(InfoOf(LoadTokenizer(Path("odd.skein"))).vocab_size, 256u);
  EXPECT_THAT(Warnings(), ElementsAre(HasSubstr("odd.skein: the vocabulary has ids up to 255")));
  EXPECT_THAT(Describe(Path("odd.skein"), "json"), HasSubstr("the vocabulary has ids up to 255"));
  EXPECT_THAT(Warnings(), IsEmpty()) << "a description holds what it has to say";
}

TEST_F(VocabularyTest, ADamagedOneBesideTheModelDoesNotKeepItFromLoading) {
  Write("rwkv_vocab_v20230424.txt", "1 'a' 1\n2 'b' 1\n3 'ab' 3\n");
  const OwnedModel model = Load(WriteModel("world.skein", 65536));
  ExpectOrigin(TokenizerOf(model), "world", "box", "world");
  EXPECT_THAT(Warnings(), ::testing::Contains(AllOf(HasSubstr("vocabulary line 3"), HasSubstr("passed over"))));
}

// Inputs made after public reports.
TEST(PublicReportsTest, FoldersOfHuggingFaceHaveTheirVocabularyBeside) {
  if (SharedPath("").empty()) GTEST_SKIP() << "SKEIN_TEST_DATA is not set: the public reports are not at hand";
  const OwnedRuntime runtime = MakeRuntime();
  for (const char* folder : {"hf-vocab-txt", "rwkv7-0.1B-g1"}) {
    OwnedTokenizer tokenizer;
    const std::string path = SharedPath(std::string("public-reports/") + folder);
    SKEIN_CALL(skein_tokenizer_load, runtime.get(), path.c_str(), nullptr, tokenizer.out());
    EXPECT_THAT(Encode(tokenizer, "Hi"), ElementsAre(73, 106)) << folder;
    EXPECT_STREQ(InfoOf(tokenizer).origin, "beside");
  }
}

TEST(PublicReportsTest, ThePublishedBpeFitsPileModelsAndNoOthers) {
  const std::string vocabulary = SharedPath("tokenizers/20B_tokenizer.json");
  if (vocabulary.empty()) GTEST_SKIP() << "SKEIN_TEST_DATA is not set: 20B_tokenizer.json is not at hand";
  const OwnedRuntime runtime = MakeRuntime();
  for (const auto& [num_rows, num_warnings] : {std::pair{50277, 0}, {50304, 0}, {65536, 1}}) {
    OwnedModel model;
    const std::string path = "synthetic:C=32,L=1,N=16,F=64,V=" + std::to_string(num_rows);
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_MODEL, {{"tokenizer", vocabulary}, {"device", "reference"}},
                                             {{"max_batch_streams", 1}});
    SKEIN_CALL(skein_model_load, runtime.get(), path.c_str(), options.get(), model.out());
    std::string line(4096, '\0');
    uint64_t size = 0;
    uint32_t severity = 0;
    int found = 0;
    while (skein_runtime_poll_log(runtime.get(), line.data(), line.size(), &size, &severity, nullptr) == SKEIN_OK) {
      found += severity >= SKEIN_LOG_WARNING ? 1 : 0;
    }
    EXPECT_EQ(found, num_warnings) << num_rows;
  }
}

}  // namespace
}  // namespace skein::test
