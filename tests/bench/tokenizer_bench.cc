// Speed of the World tokenizer, in bytes of text per second and core. The vocabulary is that of the published models,
// found through the environment variable SKEIN_TEST_DATA.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tokenizers/world/tokenizer.h"

namespace skein::tokenizers {
namespace {

constexpr char kNoVocabulary[] = "SKEIN_TEST_DATA is not set, or has no tokenizers/rwkv_vocab_v20230424.txt";

const std::string& VocabularyFile() {
  static const std::string& file = *new std::string([] {
    const char* folder = std::getenv("SKEIN_TEST_DATA");
    std::ifstream stream(std::string(folder == nullptr ? "." : folder) + "/tokenizers/rwkv_vocab_v20230424.txt",
                         std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(stream), {});
  }());
  return file;
}

std::span<const uint8_t> Bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

void Encode(benchmark::State& state, const WorldTokenizer& tokenizer, const std::string& text) {
  std::vector<uint32_t> tokens(text.size());
  uint64_t num_tokens = 0;
  for (auto _ : state) {
    num_tokens = tokenizer.Encode(Bytes(text), tokens);
    benchmark::DoNotOptimize(tokens.data());
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
  state.counters["bytes_per_token"] = static_cast<double>(text.size()) / static_cast<double>(num_tokens);
}

// A MiB of words in random order, which defeats the branch predictor more than prose does.
void BM_WorldEncodeWords(benchmark::State& state) {
  if (VocabularyFile().empty()) return state.SkipWithError(kNoVocabulary);
  const WorldTokenizer tokenizer(Bytes(VocabularyFile()));
  std::mt19937 generator(1);
  std::string text;
  while (text.size() < 1 << 20) {
    const std::vector<uint32_t> token = {static_cast<uint32_t>(1 + generator() % (tokenizer.vocab_size() - 1))};
    std::vector<uint8_t> word(tokenizer.Decode(token, {}));
    tokenizer.Decode(token, word);
    if (std::all_of(word.begin(), word.end(), [](uint8_t c) { return std::isalpha(c) != 0; })) {
      text.append(word.begin(), word.end()).push_back(' ');
    }
  }
  Encode(state, tokenizer, text);
}
BENCHMARK(BM_WorldEncodeWords);

// The vocabulary file itself: every script, quotes, digits.
void BM_WorldEncodeVocabulary(benchmark::State& state) {
  if (VocabularyFile().empty()) return state.SkipWithError(kNoVocabulary);
  const WorldTokenizer tokenizer(Bytes(VocabularyFile()));
  Encode(state, tokenizer, VocabularyFile());
}
BENCHMARK(BM_WorldEncodeVocabulary);

void BM_WorldCreate(benchmark::State& state) {
  if (VocabularyFile().empty()) return state.SkipWithError(kNoVocabulary);
  for (auto _ : state) {
    const WorldTokenizer tokenizer(Bytes(VocabularyFile()));
    benchmark::DoNotOptimize(tokenizer.vocab_size());
  }
}
BENCHMARK(BM_WorldCreate)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace skein::tokenizers
