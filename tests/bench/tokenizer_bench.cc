// Speed of the World and BPE tokenizers, in bytes of text per second and core. The vocabularies are those of the
// published models, found through the environment variable SKEIN_TEST_DATA.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tokenizers/bpe/tokenizer.h"
#include "tokenizers/world/tokenizer.h"

namespace skein::tokenizers {
namespace {

constexpr char kNoVocabulary[] =
    "SKEIN_TEST_DATA is not set, or has no tokenizers/rwkv_vocab_v20230424.txt and 20B_tokenizer.json";

std::string ReadSharedFile(const std::string& name) {
  const char* folder = std::getenv("SKEIN_TEST_DATA");
  std::ifstream stream(std::string(folder == nullptr ? "." : folder) + "/tokenizers/" + name, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

const std::string& VocabularyFile() {
  static const std::string& file = *new std::string(ReadSharedFile("rwkv_vocab_v20230424.txt"));
  return file;
}

const std::string& DefinitionFile() {
  static const std::string& file = *new std::string(ReadSharedFile("20B_tokenizer.json"));
  return file;
}

std::span<const uint8_t> Bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

template <typename Tokenizer>
void Encode(benchmark::State& state, const Tokenizer& tokenizer, const std::string& text) {
  std::vector<uint32_t> tokens(text.size());
  uint64_t num_tokens = 0;
  for (auto _ : state) {
    num_tokens = tokenizer.Encode(Bytes(text), tokens);
    benchmark::DoNotOptimize(tokens.data());
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
  state.counters["bytes_per_token"] = static_cast<double>(text.size()) / static_cast<double>(num_tokens);
}

// A MiB of words of the World vocabulary in random order, which defeats the branch predictor more than prose does.
std::string Words() {
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
  return text;
}

void BM_WorldEncodeWords(benchmark::State& state) {
  if (VocabularyFile().empty()) return state.SkipWithError(kNoVocabulary);
  Encode(state, WorldTokenizer(Bytes(VocabularyFile())), Words());
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

void BM_BpeEncodeWords(benchmark::State& state) {
  if (VocabularyFile().empty() || DefinitionFile().empty()) return state.SkipWithError(kNoVocabulary);
  Encode(state, BpeTokenizer(Bytes(DefinitionFile())), Words());
}
BENCHMARK(BM_BpeEncodeWords);

void BM_BpeEncodeVocabulary(benchmark::State& state) {
  if (VocabularyFile().empty() || DefinitionFile().empty()) return state.SkipWithError(kNoVocabulary);
  Encode(state, BpeTokenizer(Bytes(DefinitionFile())), VocabularyFile());
}
BENCHMARK(BM_BpeEncodeVocabulary);

// One word that is the whole text.
void BM_BpeEncodeLongWord(benchmark::State& state) {
  if (VocabularyFile().empty() || DefinitionFile().empty()) return state.SkipWithError(kNoVocabulary);
  std::string text = Words();
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  Encode(state, BpeTokenizer(Bytes(DefinitionFile())), text);
}
BENCHMARK(BM_BpeEncodeLongWord);

void BM_BpeCreate(benchmark::State& state) {
  if (DefinitionFile().empty()) return state.SkipWithError(kNoVocabulary);
  for (auto _ : state) {
    const BpeTokenizer tokenizer(Bytes(DefinitionFile()));
    benchmark::DoNotOptimize(tokenizer.vocab_size());
  }
}
BENCHMARK(BM_BpeCreate)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace skein::tokenizers
