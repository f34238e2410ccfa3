#include "tests/cli/phrase_model.h"

#include <cstdint>
#include <cstdio>
#include <vector>

namespace skein {
namespace {

constexpr uint32_t kFirstWord = 257;  // the ids before are the end of text and the bytes

// The tokens that are not single bytes, and their successors.
struct Word {
  const char* literal;         // as a Python string
  uint32_t size;               // bytes
  std::vector<uint32_t> next;  // the likeliest first
};

enum : uint32_t {
  kTurnEnd = kFirstWord,
  kAssistant,
  kPeace,
  kGrace,
  kBeWithYou,
  kUser,
  kAmen,
  kThinkStart,
  kThinkGoes,
  kHm,
  kThought,
  kThinkEnd,
  kClosed,
};

std::vector<Word> Words() {
  return {
      {"\\n\\n", 2, {kUser}},      {"Assistant:", 10, {kPeace, kGrace}}, {" Peace", 6, {kBeWithYou}},
      {" Grace", 6, {kBeWithYou}}, {" be with you.", 13, {kTurnEnd}},    {"User:", 5, {kAmen}},
      {" Amen.", 6, {kTurnEnd}},   {" <think", 7, {kThinkGoes}},         {">\\n", 2, {kHm}},
      {"Hm.", 3, {kThought}},      {"</think>\\n", 9, {kPeace}},         {"</think", 7, {kClosed}},
      {">", 1, {kPeace}},
  };
}

std::string Vocabulary() {
  std::string lines;
  char line[64];
  for (uint32_t byte = 0; byte < 256; ++byte) {
    if (byte == '>') continue;  // is a word
    std::snprintf(line, sizeof(line), "%u b'\\x%02x' 1\n", byte + 1, byte);
    lines += line;
  }
  uint32_t id = kFirstWord;
  for (const Word& word : Words()) {
    std::snprintf(line, sizeof(line), "%u '%s' %u\n", id++, word.literal, word.size);
    lines += line;
  }
  return lines;
}

}  // namespace

// The embedding of a word is a dimension of its own, and the head reads the successor from that dimension.
std::vector<StillTensor> PhraseTensors() {
  const std::vector<Word> words = Words();
  const auto num_words = static_cast<uint32_t>(words.size());
  const auto embedding = [](uint32_t id, uint32_t column) {
    return id >= kFirstWord && id - kFirstWord == column ? 1.0f : 0.0f;
  };
  const auto head = [&](uint32_t id, uint32_t column) {
    if (column >= num_words) return 0.0f;
    float weight = 4.0f;
    for (const uint32_t next : words[column].next) {
      if (next == id) return weight;
      weight -= 0.05f;
    }
    return 0.0f;
  };
  return StillModel(kFirstWord + num_words, embedding, head);
}

PhraseModel WritePhraseModel(const TestFolder& folder) {
  return {folder.Write("phrase.safetensors", AsSafetensors(PhraseTensors())),
          folder.Write("phrase_vocabulary.txt", Vocabulary())};
}

}  // namespace skein
