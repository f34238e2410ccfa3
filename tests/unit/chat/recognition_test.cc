#include "chat/recognition.h"

#include <gtest/gtest.h>

#include <string>

namespace skein {
namespace {

std::string Recognised(const ChatClues& clues) {
  const ChatTemplate* found = RecogniseChatTemplate(clues);
  return found != nullptr ? std::string(found->name) : "none";
}

std::string OfText(const char* text) {
  return Recognised({.template_text = text, .tokenizer_kind = "", .generation = 7, .model_name = ""});
}

std::string OfName(const char* name) {
  return Recognised({.template_text = "", .tokenizer_kind = "world", .generation = 7, .model_name = name});
}

TEST(ChatRecognitionTest, TheNameInTheFileCounts) {
  EXPECT_EQ(OfText("g1"), "g1");
  EXPECT_EQ(OfText("instruct"), "instruct");
  EXPECT_EQ(OfText("rwkv-world"), "world");
}

TEST(ChatRecognitionTest, AJinjaTextIsToldByWhatItWrites) {
  EXPECT_EQ(OfText("{% for m in messages %}{% if m['role'] == 'user' %}{{ 'User: ' + m['content'] }}{% else %}"
                   "{{ 'Assistant: ' + m['content'] }}{% endif %}{{ '\\n\\n' }}{% endfor %}"),
            "world");
  EXPECT_EQ(OfText("{{ 'User: ' + x }}{{ 'Assistant:' }}{% if enable_thinking %}{{ ' <think' }}{% endif %}"), "g1");
  EXPECT_EQ(OfText("{{ 'Instruction: ' + x + '\\n\\nResponse:' }}"), "instruct");
}

TEST(ChatRecognitionTest, AForeignTextTellsNothing) {
  EXPECT_EQ(OfText("<|im_start|>{{ role }}\n{{ content }}<|im_end|>"), "none");
  EXPECT_EQ(OfText(""), "none");
}

TEST(ChatRecognitionTest, WorldVocabularyMeansG1WhereThePartOfTheNameSaysSo) {
  for (const char* name : {"rwkv7-g1-2.9b-20250519-ctx4096", "RWKV7-G1a-0.1B", "rwkv7-g0a3-7.2b", "rwkv7_g1d_1.5b",
                           "some/folder/rwkv7-g0-7.2b"}) {
    EXPECT_EQ(OfName(name), "g1") << name;
  }
  for (const char* name : {"RWKV-x070-World-2.9B-v3-20250211-ctx4096", "", "big1-model", "g10x-model", "rwkv-g2-1b"}) {
    EXPECT_EQ(OfName(name), "world") << name;
  }
}

TEST(ChatRecognitionTest, OtherVocabulariesMeanRavenInRwkv4Only) {
  const auto of = [](const char* kind, uint32_t generation) {
    return Recognised({.template_text = "", .tokenizer_kind = kind, .generation = generation, .model_name = "rwkv-g1"});
  };
  EXPECT_EQ(of("bpe", 4), "raven");
  EXPECT_EQ(of("bpe", 6), "none");
  EXPECT_EQ(of("bytes", 7), "none");
  EXPECT_EQ(of("", 4), "none");
}

TEST(ChatRecognitionTest, TheFileGoesBeforeVocabularyAndName) {
  EXPECT_EQ(Recognised({.template_text = "world", .tokenizer_kind = "world", .generation = 7, .model_name = "x-g1-y"}),
            "world");
  EXPECT_EQ(
      Recognised({.template_text = "unknown", .tokenizer_kind = "world", .generation = 7, .model_name = "x-g1-y"}),
      "g1");
}

}  // namespace
}  // namespace skein
