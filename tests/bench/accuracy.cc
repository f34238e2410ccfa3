// The loss of accuracy of a model by the types: accuracy MODEL TEXT [TYPE...]. Feeds the text to the model in float32
// and in each type (f16, bf16, q8 and q4 if none is named), in pieces of 2,048 tokens from a fresh state, and compares
// their probabilities of every next token. TEXT is read with the model's tokenizer, or, if it ends in .json, as an
// array of token ids; a model without a tokenizer reads bytes. ERROR is the standard error of the increase: a text of
// 10,000 tokens or less is too short to show a small increase. Environment: SKEIN_ACCURACY_DEVICE, a device (default:
// the best).
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "sdk/cli/failure.h"
#include "sdk/cli/table.h"
#include "skein/skein.hpp"
#include "tests/support/divergence.h"

namespace skein::test {
namespace {

using cli::Failure;
using cli::FormatNumber;
using Tokens = std::vector<skein_token>;

constexpr size_t kPiece = 2048;
constexpr size_t kChunk = 128;  // tokens whose logits are held at a time

Model Load(const Runtime& runtime, const char* path, const std::string& type) {
  ModelOptions options = {{"type", type}};
  if (const char* device = std::getenv("SKEIN_ACCURACY_DEVICE")) options.Set("device", device);
  return {runtime, path, options};
}

Tokens ReadTokens(const Model& model, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file.good()) throw Failure(path + ": cannot be read");
  Tokens tokens;
  if (path.ends_with(".json")) {
    for (const char* at = text.c_str(); (at = std::find_if(at, text.c_str() + text.size(), [](char c) {
                                           return c >= '0' && c <= '9';
                                         })) != text.c_str() + text.size();) {
      char* end = nullptr;
      tokens.push_back(static_cast<skein_token>(std::strtoul(at, &end, 10)));
      at = end;
    }
    return tokens;
  }
  if (model.Info().has_tokenizer == 0) {
    for (const char byte : text) tokens.push_back(static_cast<unsigned char>(byte));
    return tokens;
  }
  return Read<Tokens>(skein_tokenizer_encode, model.GetTokenizer().get(), text.data(), text.size());
}

// Logits after each token of a chunk: [count, vocab_size].
void Feed(const Model& model, const Stream& stream, const skein_token* tokens, size_t count,
          std::vector<float>& logits) {
  skein_eval_item item = {};
  item.stream = stream.get();
  item.tokens = tokens;
  item.num_tokens = count;
  item.output = logits.data();
  item.output_capacity = logits.size();
  item.output_kind = SKEIN_OUTPUT_ALL_LOGITS;
  Call(skein_eval, model.get(), static_cast<void*>(&item), uint32_t{sizeof(item)}, 1u);
}

Divergence Compare(const Model& exact, const Model& rounded, const Tokens& tokens) {
  const size_t vocab_size = exact.Info().vocab_size;
  const Stream exact_stream(exact);
  const Stream rounded_stream(rounded);
  std::vector<float> exact_logits(kChunk * vocab_size);
  std::vector<float> rounded_logits(kChunk * vocab_size);
  Divergence divergence;
  for (size_t piece = 0; piece < tokens.size(); piece += kPiece) {
    const size_t piece_end = std::min(tokens.size(), piece + kPiece);
    exact_stream.Reset();
    rounded_stream.Reset();
    // The last token of a piece has none after it.
    for (size_t first = piece; first + 1 < piece_end; first += kChunk) {
      const size_t count = std::min(kChunk, piece_end - 1 - first);
      Feed(exact, exact_stream, &tokens[first], count, exact_logits);
      Feed(rounded, rounded_stream, &tokens[first], count, rounded_logits);
      for (size_t i = 0; i < count; ++i) {
        divergence.Add({&exact_logits[i * vocab_size], vocab_size}, {&rounded_logits[i * vocab_size], vocab_size},
                       tokens[first + i + 1]);
      }
    }
  }
  return divergence;
}

std::string Scientific(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1e", value);
  return text;
}

void Run(const char* path, const std::string& text, std::vector<std::string> types) {
  if (types.empty()) types = {"f16", "bf16", "q8", "q4"};
  const Runtime runtime;
  const Model exact = Load(runtime, path, "f32");
  const Tokens tokens = ReadTokens(exact, text);
  if (tokens.size() < 2) throw Failure(text + ": expected two tokens or more");
  std::vector<std::vector<std::string>> rows = {
      {"TYPE", "WEIGHTS", "TOKENS", "PERPLEXITY", "INCREASE", "ERROR", "KL MEAN", "KL MAX", "GREEDY"}};
  for (const std::string& type : types) {
    const Model rounded = Load(runtime, path, type);
    const Divergence divergence = Compare(exact, rounded, tokens);
    if (rows.size() == 1) {
      rows.push_back({"f32", cli::FormatBytes(exact.Info().weights_bytes), std::to_string(divergence.num_places()),
                      FormatNumber(divergence.ExactPerplexity(), 4), "-", "-", "-", "-", "-"});
    }
    rows.push_back({type, cli::FormatBytes(rounded.Info().weights_bytes), std::to_string(divergence.num_places()),
                    FormatNumber(divergence.RoundedPerplexity(), 4),
                    FormatNumber(100 * divergence.PerplexityIncrease(), 3) + " %",
                    FormatNumber(100 * divergence.PerplexityIncreaseError(), 3) + " %", Scientific(divergence.Mean()),
                    Scientific(divergence.Largest()), FormatNumber(100 * divergence.Agreement(), 2) + " %"});
  }
  std::fputs(cli::FormatTable(rows).c_str(), stdout);
}

}  // namespace
}  // namespace skein::test

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: accuracy MODEL TEXT [TYPE...]\n");
    return 2;
  }
  try {
    skein::test::Run(argv[1], argv[2], {argv + 3, argv + argc});
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "accuracy: %s\n", error.what());
    return 1;
  }
}
