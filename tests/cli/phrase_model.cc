#include "tests/cli/phrase_model.h"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace skein {
namespace {

constexpr uint32_t kWidth = 64;  // also the head size: one head
constexpr uint32_t kFfnWidth = 64;
constexpr uint32_t kRank = 8;
constexpr uint32_t kNumLayers = 2;
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

// Tensors of float32, in the form of a .safetensors file.
class Tensors {
 public:
  // `value` gives the element at an index of the flat tensor.
  void Add(const std::string& name, const std::vector<uint32_t>& shape, const std::function<float(uint32_t)>& value) {
    uint32_t size = 1;
    for (const uint32_t length : shape) size *= length;
    const size_t start = data_.size();
    for (uint32_t i = 0; i < size; ++i) {
      const float element = value(i);
      data_.append(reinterpret_cast<const char*>(&element), sizeof(element));
    }
    header_[name] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {start, data_.size()}}};
  }
  void AddZeros(const std::string& name, const std::vector<uint32_t>& shape) {
    Add(name, shape, [](uint32_t) { return 0.0f; });
  }
  void AddNorm(const std::string& name, float bias = 0.0f) {
    Add(name + ".weight", {kWidth}, [](uint32_t) { return 1.0f; });
    Add(name + ".bias", {kWidth}, [bias](uint32_t) { return bias; });
  }

  std::string ToFile() const {
    const std::string header = header_.dump();
    const uint64_t size = header.size();
    return std::string(reinterpret_cast<const char*>(&size), sizeof(size)) + header + data_;
  }

 private:
  nlohmann::json header_ = nlohmann::json::object();
  std::string data_;
};

// The embedding of a word is a dimension of its own, the layers add nothing, and the head reads the successor from that
// dimension.
std::string Model() {
  const std::vector<Word> words = Words();
  const auto num_words = static_cast<uint32_t>(words.size());
  const uint32_t vocab_size = kFirstWord + num_words;
  Tensors tensors;
  tensors.Add("emb.weight", {vocab_size, kWidth}, [](uint32_t i) {
    const uint32_t id = i / kWidth;
    return id >= kFirstWord && id - kFirstWord == i % kWidth ? 1.0f : 0.0f;
  });
  tensors.Add("head.weight", {vocab_size, kWidth}, [&](uint32_t i) {
    if (i % kWidth >= num_words) return 0.0f;
    float weight = 4.0f;
    for (const uint32_t next : words[i % kWidth].next) {
      if (next == i / kWidth) return weight;
      weight -= 0.05f;
    }
    return 0.0f;
  });
  // Normalised, a vector with one 1 in 64 is -1 / sqrt(63) elsewhere, which the bias takes back to 0.
  tensors.AddNorm("ln_out", 1 / std::sqrt(63.0f));
  tensors.AddNorm("blocks.0.ln0");
  for (uint32_t layer = 0; layer < kNumLayers; ++layer) {
    const std::string block = "blocks." + std::to_string(layer) + ".";
    for (const char* norm : {"ln1", "ln2", "att.ln_x"}) tensors.AddNorm(block + norm);
    for (const char* vector : {"x_r", "x_w", "x_k", "x_v", "x_a", "x_g", "w0", "a0", "k_k", "k_a"}) {
      tensors.AddZeros(block + "att." + vector, {1, 1, kWidth});
    }
    tensors.AddZeros(block + "att.r_k", {1, kWidth});
    std::vector<std::string> factors = {"w", "a", "g"};
    if (layer > 0) {
      factors.emplace_back("v");
      tensors.AddZeros(block + "att.v0", {1, 1, kWidth});
    }
    for (const std::string& factor : factors) {
      const std::string name = "att." + factor;
      tensors.AddZeros(block + name + "1", {kWidth, kRank});
      tensors.AddZeros(block + name + "2", {kRank, kWidth});
    }
    for (const char* matrix : {"receptance", "key", "value", "output"}) {
      tensors.AddZeros(block + "att." + matrix + ".weight", {kWidth, kWidth});
    }
    tensors.AddZeros(block + "ffn.x_k", {1, 1, kWidth});
    tensors.AddZeros(block + "ffn.key.weight", {kFfnWidth, kWidth});
    tensors.AddZeros(block + "ffn.value.weight", {kWidth, kFfnWidth});
  }
  return tensors.ToFile();
}

}  // namespace

PhraseModel WritePhraseModel(const TestFolder& folder) {
  return {folder.Write("phrase.safetensors", Model()), folder.Write("phrase_vocabulary.txt", Vocabulary())};
}

}  // namespace skein
