// One rule says what a model is, whatever container it comes in: its name, its template, and whether it thinks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/cli/phrase_model.h"
#include "tests/cli/tool_process.h"

namespace skein {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr char kG1[] = "rwkv7-g1a-0.1b-20250728-ctx4096";
constexpr char kWorld[] = "RWKV-x070-World-0.1B-v2.8";
constexpr char kThought[] = "<think>\nHm.</think>\n Peace be with you.\n";
constexpr char kAnswer[] = "Peace be with you.\n";

// In the manner of the text that llama.cpp writes into every file of RWKV: think blocks are offered, none is opened.
constexpr char kOffersThoughts[] =
    "{% for m in messages %}{{ ('User: ' if m.role == 'user' else 'Assistant: ') + m.content + '\n\n' }}{% endfor %}"
    "{{ 'Assistant:' }}{% if enable_thinking is defined and enable_thinking is true %}{{ ' <think>' }}{% endif %}";
constexpr char kThinks[] =
    "{% for m in messages %}{{ 'User: ' + m.content + '\n\n' }}{% endfor %}{{ 'Assistant: <think' }}";

class IdentityTest : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories(std::filesystem::path(folder_.Path(name)).parent_path());
    return folder_.Write(name, content);
  }
  std::string Convert(const std::string& from, const std::string& to, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words = {"convert", from, "-o", folder_.Path(to)};
    words.insert(words.end(), more.begin(), more.end());
    const ToolResult result = RunTool(words);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return folder_.Path(to);
  }
  std::string WriteTemplate(const std::string& folder, const std::string& text) const {
    return Write(folder + "/tokenizer_config.json", nlohmann::json({{"chat_template", text}}).dump());
  }
  static nlohmann::json Inspected(const std::string& path) {
    const ToolResult result = RunTool({"inspect", "--json", path});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return nlohmann::json::parse(result.out, nullptr, false);
  }
  std::string Chat(const std::string& path) const {
    const ToolResult result =
        RunTool({"chat", "-m", path, "--tokenizer", vocabulary_, "--device", "reference", "--temp", "0"}, "Hello\n");
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.out;
  }

  // The model in every container, under a name, and a text for a template where the container has a place for one.
  std::vector<std::string> InEveryContainer(const std::string& name, const std::string& text) const {
    const std::vector<StillTensor> model = PhraseTensors();
    const std::string pth = Write("pth/" + name + ".pth", AsPth(model));
    const std::string gguf =
        Write("stated/any.gguf", AsGguf(model, {{"general.name", name}, {"tokenizer.chat_template", text}}));
    Write("folders/" + name + "/model.safetensors", AsSafetensors(model));
    WriteTemplate("folders/" + name, text);
    Write("old-folders/" + name + "/pytorch_model.bin", AsPth(model));
    return {
        pth,
        gguf,
        Write("safetensors/" + name + ".safetensors", AsSafetensors(model)),
        folder_.Path("folders/" + name),
        folder_.Path("folders/" + name) + "/",
        folder_.Path("folders/" + name + "/model.safetensors"),
        folder_.Path("old-folders/" + name),
        Write("plain/" + name + ".gguf", AsGguf(model, {{"tokenizer.chat_template", "rwkv-world"}})),
        Write("vague/" + name + ".gguf", AsGguf(model, {{"general.name", "model"}, {"tokenizer.chat_template", text}})),
        Convert(pth, "of-pth.skein"),
        Convert(gguf, "of-gguf.skein"),
        Convert(folder_.Path("folders/" + name), "of-folder.skein"),
        Convert(gguf, "of-gguf.safetensors"),
        Convert(folder_.Path("of-gguf.safetensors"), "again.skein"),
    };
  }

  const TestFolder folder_;
  const std::string vocabulary_ = WritePhraseModel(folder_).vocabulary;
};

TEST_F(IdentityTest, AG1ModelThinksInEveryContainer) {
  for (const std::string& path : InEveryContainer(kG1, kOffersThoughts)) {
    SCOPED_TRACE(path);
    const nlohmann::json json = Inspected(path);
    EXPECT_EQ(json["name"], kG1);
    EXPECT_EQ(json["chat"]["template"], "g1");
    EXPECT_EQ(Chat(path), kThought);
  }
}

TEST_F(IdentityTest, AWorldModelNeverThinksByItself) {
  for (const std::string& path : InEveryContainer(kWorld, kThinks)) {
    SCOPED_TRACE(path);
    const nlohmann::json json = Inspected(path);
    EXPECT_EQ(json["name"], kWorld);
    EXPECT_EQ(json["chat"]["template"], "world");
    EXPECT_EQ(Chat(path), kAnswer);
  }
}

TEST_F(IdentityTest, WithoutATellingNameTheTextDecides) {
  const std::vector<StillTensor> model = PhraseTensors();
  const auto gguf = [&](const char* text) {
    return Write("mine.gguf", AsGguf(model, {{"general.name", "mine"}, {"tokenizer.chat_template", text}}));
  };
  EXPECT_EQ(Chat(gguf(kThinks)), kThought);
  EXPECT_EQ(Inspected(folder_.Path("mine.gguf"))["chat"]["decided_by"], "template text");
  EXPECT_EQ(Chat(Convert(folder_.Path("mine.gguf"), "mine.skein")), kThought);
  EXPECT_EQ(Inspected(folder_.Path("mine.skein"))["chat"]["decided_by"], "manifest");
  EXPECT_EQ(Chat(gguf(kOffersThoughts)), kAnswer);
  const std::string folder = folder_.Path("mine");
  Write("mine/model.safetensors", AsSafetensors(model));
  WriteTemplate("mine", kThinks);
  EXPECT_EQ(Chat(folder), kThought);
  WriteTemplate("mine", kOffersThoughts);
  EXPECT_EQ(Chat(folder), kAnswer);
  Write("mine/chat_template.jinja", kThinks);
  EXPECT_EQ(Chat(folder), kThought);
}

TEST_F(IdentityTest, APackageKeepsItsTemplateUnderAnotherName) {
  const std::string pth = Write(std::string(kG1) + ".pth", AsPth(PhraseTensors()));
  const std::string renamed = Convert(pth, "renamed.skein", {"--name", "My assistant"});
  EXPECT_EQ(Inspected(renamed)["name"], "My assistant");
  EXPECT_EQ(Chat(renamed), kThought);
  EXPECT_EQ(Chat(Convert(pth, "said.skein", {"--chat-template", "world"})), kAnswer);
  const std::string mine = Write("mine.pth", AsPth(PhraseTensors()));
  EXPECT_EQ(Chat(Convert(mine, "now-g1.skein", {"--name", kG1})), kThought);
  EXPECT_EQ(Chat(Convert(mine, "mine.skein", {"--tokenizer", vocabulary_})), kAnswer);
  // The vocabulary alone is not worth recording: a later name counts for more.
  EXPECT_EQ(Chat(Convert(folder_.Path("mine.skein"), "later.skein", {"--name", kG1})), kThought);
}

TEST_F(IdentityTest, InspectSaysByWhatItDecided) {
  Write(std::string(kG1) + "/model.safetensors", AsSafetensors(PhraseTensors()));
  WriteTemplate(kG1, kOffersThoughts);
  const std::string text = RunTool({"inspect", folder_.Path(kG1)}).out;
  EXPECT_THAT(text,
              AllOf(HasSubstr("  name             " + std::string(kG1) + " (by the folder name)\n"),
                    HasSubstr("  chat template    g1 (by the name)\n"), HasSubstr("  template text    {% for m")));
  const nlohmann::json json = Inspected(folder_.Path(kG1));
  EXPECT_EQ(json["name_decided_by"], "folder name");
  EXPECT_EQ(json["chat"], nlohmann::json({{"template", "g1"}, {"decided_by", "name"}}));
  EXPECT_EQ(json["chat_template"], kOffersThoughts);
}

// Public reports. They are in the shared data.
TEST_F(IdentityTest, PublicReportsGiveWhatTheyShould) {
  const char* data = std::getenv("SKEIN_TEST_DATA");
  if (data == nullptr) GTEST_SKIP() << "SKEIN_TEST_DATA is not set";
  const std::string reports = std::string(data) + "/public-reports/";
  const nlohmann::json world = Inspected(reports + "world-with-llamacpp-template.gguf");
  EXPECT_EQ(world["name"], "Rwkv7 World 0b1");
  EXPECT_EQ(world["chat"]["template"], "world");
  for (const char* path : {"rwkv7-0.1B-g1", "rwkv7-0.1B-g1/", "rwkv7-0.1B-g1/model.safetensors"}) {
    const nlohmann::json g1 = Inspected(reports + path);
    EXPECT_EQ(g1["name"], "rwkv7-0.1B-g1") << path;
    EXPECT_EQ(g1["chat"]["template"], "g1") << path;
  }
  const ToolResult half = RunTool({"chat", "-m", reports + "says-half-a-character.pth", "--tokenizer",
                                   reports + "rwkv7-0.1B-g1/rwkv_vocab_v20230424.txt", "-n", "1"},
                                  "hi\nagain\n/retry\n");
  EXPECT_EQ(half.exit_code, 0) << half.err;
  EXPECT_EQ(half.out, "\xF0\n\xF0\n\xF0\n");
}

}  // namespace
}  // namespace skein
