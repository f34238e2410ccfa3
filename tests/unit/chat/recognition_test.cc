#include "chat/recognition.h"

#include <gtest/gtest.h>

#include <string>

#include "model/model_name.h"

namespace skein {
namespace {

std::string Recognised(const ChatClues& clues) {
  const RecognisedTemplate found = RecogniseChatTemplate(clues);
  return found.chat_template != nullptr ? std::string(found.chat_template->name) : "none";
}

std::string OfText(const std::string& text) {
  return Recognised({.template_text = text, .tokenizer_kind = "", .generation = 7, .model_name = ""});
}

std::string OfName(const std::string& name, uint32_t generation = 7) {
  return Recognised({.template_text = "", .tokenizer_kind = "world", .generation = generation, .model_name = name});
}

// --- texts, in the manner of other programs ---

// Offers think blocks, and opens none by itself: llama.cpp has one like it for all RWKV models.
constexpr char kOffers[] =
    "{{ bos_token }}{%- for m in messages -%}{{- ('User: ' if m.role == 'user' else 'Assistant: ') + m.content|trim + "
    "'\\n\\n' -}}{%- endfor -%}{%- if add_generation_prompt -%}{{- 'Assistant:' -}}{%- if enable_thinking is defined "
    "and enable_thinking is false %}{{- ' <think>\\n</think>' }}{%- endif %}{%- if enable_thinking is defined and "
    "enable_thinking is true %}{{- ' <think>' }}{%- endif %}{%- endif -%}";

// Closes the block where the host does not ask for it.
constexpr char kCloses[] =
    "{% for m in messages %}{{ 'User: ' + m.content + '\\n\\n' }}{% endfor %}{{ 'Assistant:' }}{% if enable_thinking "
    "is defined and enable_thinking is true %}{{ ' <think>' }}{% else %}{{ ' <think>\\n</think>' }}{% endif %}";

// Takes thoughts out of earlier answers.
constexpr char kStrips[] =
    "{% for m in messages %}{% if '</think>' in m.content %}{{ 'Assistant: ' + m.content.split('</think>')[-1] }}{% "
    "else %}{{ 'User: ' + m.content }}{% endif %}{% endfor %}{{ 'Assistant:' }}";

constexpr char kOpens[] =
    "{{ bos_token }}{% for m in messages %}{{ ('User: ' if m.role == 'user' else 'Assistant: ') + m.content + "
    "'\\n\\n' }}{% endfor %}{{ 'Assistant: <think' }}";

constexpr char kOpensIfAsked[] =
    "{% for m in messages %}{{ 'User: ' + m.content + '\\n\\n' }}{% endfor %}{% if add_generation_prompt %}{{ "
    "'Assistant: <think>\\n' }}{% endif %}\n";

constexpr char kOpensUnlessForbidden[] =
    "{% for m in messages %}{{ 'User: ' + m.content }}{% endfor %}Assistant:{{ ' <think' if enable_thinking is not "
    "defined or enable_thinking else ' <think>\\n</think>' }}";

constexpr char kBobAndAlice[] = "{% for m in messages %}{{ 'Bob: ' + m.content }}{% endfor %}{{ 'Alice:' }}";
constexpr char kInstruction[] = "{{ 'Instruction: ' + messages[0].content + '\\n\\nResponse:' }}";
constexpr char kForeign[] = "<|im_start|>{{ role }}\n{{ content }}<|im_end|>{% if x %}<think>{% endif %}";

TEST(ChatRecognitionTest, TheNameInTheFileCounts) {
  EXPECT_EQ(OfText("g1"), "g1");
  EXPECT_EQ(OfText("instruct"), "instruct");
  EXPECT_EQ(OfText("rwkv-world"), "world");
}

TEST(ChatRecognitionTest, AJinjaTextIsToldByWhatItWrites) {
  EXPECT_EQ(OfText(kBobAndAlice), "raven");
  EXPECT_EQ(OfText(kInstruction), "instruct");
  for (const char* text : {kOffers, kCloses, kStrips}) EXPECT_EQ(OfText(text), "world") << text;
  for (const char* text : {kOpens, kOpensIfAsked, kOpensUnlessForbidden}) EXPECT_EQ(OfText(text), "g1") << text;
}

TEST(ChatRecognitionTest, AForeignTextTellsNothing) {
  EXPECT_EQ(OfText(kForeign), "none");
  EXPECT_EQ(OfText(""), "none");
}

// --- names ---

TEST(ChatRecognitionTest, APartOfTheNameSaysG1) {
  for (const char* name :
       {"rwkv7-g1-2.9b-20250519-ctx4096", "RWKV7-G1a-0.1B", "rwkv7-g0a3-7.2b", "rwkv7_g1d_1.5b",
        "some/folder/rwkv7-g0-7.2b", "rwkv7-g1a-0.1b-20250728-ctx4096", "Rwkv7 G1a2 0.4b", "RWKV-7 (G1) 1.5B",
        "rwkv7-0.1B-g1", "rwkv7a-g1d-0.1b", "rwkv7:g1", "rwkv7g1a-0.4b", "RWKV7-G1-World-0.1B", "g1"}) {
    EXPECT_EQ(OfName(name), "g1") << name;
  }
  for (const char* name : {"RWKV-x070-World-2.9B-v3-20250211-ctx4096", "", "big1-model", "g10x-model", "rwkv-g2-1b",
                           "ag1-x", "g1abc", "RWKV7-Goose-World3-2.9B-HF", "rwkv7-g1337"}) {
    EXPECT_EQ(OfName(name), "world") << name;
  }
}

TEST(ChatRecognitionTest, OnlyRwkv7HasG1) { EXPECT_EQ(OfName("rwkv-g1", 6), "world"); }

TEST(ChatRecognitionTest, OtherVocabulariesMeanRavenInRwkv4Only) {
  const auto of = [](const char* kind, uint32_t generation) {
    return Recognised({.template_text = "", .tokenizer_kind = kind, .generation = generation, .model_name = "rwkv"});
  };
  EXPECT_EQ(of("bpe", 4), "raven");
  EXPECT_EQ(of("bpe", 6), "none");
  EXPECT_EQ(of("bytes", 7), "none");
  EXPECT_EQ(of("", 4), "none");
}

// --- the whole rule ---

struct Case {
  const char* path;    // of the model; no such folder is there, so that files are named by themselves
  const char* stated;  // general.name, or the manifest's name
  const char* text;
  const char* kind;  // of the vocabulary
  uint32_t generation;
  const char* name;
  const char* decision;
  ChatClue clue;
};

constexpr Case kCases[] = {
    // GGUF
    {"/n/a.gguf", "Rwkv7 World 0b1", kOffers, "world", 7, "Rwkv7 World 0b1", "world", ChatClue::kModelName},
    {"/n/a.gguf", "Rwkv7 World 0b1", kOpens, "world", 7, "Rwkv7 World 0b1", "world", ChatClue::kModelName},
    {"/n/a.gguf", "Rwkv7 G1a 0.4b", kOffers, "world", 7, "Rwkv7 G1a 0.4b", "g1", ChatClue::kModelName},
    {"/n/a.gguf", "Rwkv7 G1a 0.4b", kCloses, "world", 7, "Rwkv7 G1a 0.4b", "g1", ChatClue::kModelName},
    {"/n/a.gguf", "Rwkv7 G1a 0.4b", "rwkv-world", "world", 7, "Rwkv7 G1a 0.4b", "g1", ChatClue::kModelName},
    {"/n/rwkv7-g1-0.4b.gguf", "", kOffers, "world", 7, "rwkv7-g1-0.4b", "g1", ChatClue::kModelName},
    {"/n/rwkv7-g1-0.4b.gguf", "model", kOffers, "world", 7, "rwkv7-g1-0.4b", "g1", ChatClue::kModelName},
    {"/n/rwkv7-g1-0.4b.gguf", "Mine", kOffers, "world", 7, "Mine", "world", ChatClue::kTemplateText},
    {"/n/mine.gguf", "Mine", kOpens, "world", 7, "Mine", "g1", ChatClue::kTemplateText},
    {"/n/mine.gguf", "Mine", "rwkv-world", "world", 6, "Mine", "world", ChatClue::kTemplateText},
    {"/n/mine.gguf", "Rwkv6 World", kOffers, "world", 6, "Rwkv6 World", "world", ChatClue::kModelName},
    // .pth: no template, no name inside
    {"/n/RWKV-x070-World-0.1B.pth", "", "", "world", 7, "RWKV-x070-World-0.1B", "world", ChatClue::kModelName},
    {"/n/rwkv7-g1d-0.1b.pth", "", "", "world", 7, "rwkv7-g1d-0.1b", "g1", ChatClue::kModelName},
    {"/n/rwkv7-g1d-0.1b.pth", "", "", "", 7, "rwkv7-g1d-0.1b", "g1", ChatClue::kModelName},
    {"/n/mine.pth", "", "", "world", 7, "mine", "world", ChatClue::kVocabulary},
    {"/n/mine.pth", "", "", "bytes", 7, "mine", "none", ChatClue::kNone},
    {"/n/RWKV-4-Raven-7B.pth", "", "", "bpe", 4, "RWKV-4-Raven-7B", "raven", ChatClue::kModelName},
    {"/n/RWKV-4-Pile-169M.pth", "", "", "bpe", 4, "RWKV-4-Pile-169M", "raven", ChatClue::kVocabulary},
    {"/n/RWKV-4-World-0.1B.pth", "", "", "world", 4, "RWKV-4-World-0.1B", "world", ChatClue::kModelName},
    // .safetensors, with a template beside it
    {"/n/rwkv7-0.1B-g1.safetensors", "", kOpens, "world", 7, "rwkv7-0.1B-g1", "g1", ChatClue::kModelName},
    {"/n/tuned.safetensors", "", kOpensIfAsked, "world", 7, "tuned", "g1", ChatClue::kTemplateText},
    {"/n/tuned.safetensors", "", kStrips, "world", 7, "tuned", "world", ChatClue::kTemplateText},
    {"/n/tuned.safetensors", "", kForeign, "world", 7, "tuned", "world", ChatClue::kVocabulary},
    {"/n/World-tuned.safetensors", "", kInstruction, "world", 7, "World-tuned", "instruct", ChatClue::kTemplateText},
    {"/n/World-tuned.safetensors", "", kBobAndAlice, "world", 7, "World-tuned", "raven", ChatClue::kTemplateText},
    // packages
    {"/n/a.skein", "Mine", "g1", "world", 7, "Mine", "g1", ChatClue::kTemplateName},
    {"/n/a.skein", "RWKV-x070-World-0.1B", "g1", "world", 7, "RWKV-x070-World-0.1B", "g1", ChatClue::kTemplateName},
    {"/n/a.skein", "rwkv7-g1-0.1b", "world", "world", 7, "rwkv7-g1-0.1b", "world", ChatClue::kTemplateName},
    {"/n/a.skein", "rwkv7-g1-0.1b", "", "world", 7, "rwkv7-g1-0.1b", "g1", ChatClue::kModelName},
    {"/n/rwkv7-g1.skein", "model", "", "world", 7, "rwkv7-g1", "g1", ChatClue::kModelName},
};

TEST(ChatRecognitionTest, OneRuleForEveryContainer) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(std::string(c.path) + ", \"" + c.stated + "\", " + c.text);
    const ModelName name = NameModel(c.stated, c.path);
    EXPECT_EQ(name.name, c.name);
    const ChatClues clues = {
        .template_text = c.text, .tokenizer_kind = c.kind, .generation = c.generation, .model_name = name.name};
    EXPECT_EQ(Recognised(clues), c.decision);
    EXPECT_EQ(RecogniseChatTemplate(clues).clue, c.clue);
  }
}

}  // namespace
}  // namespace skein
