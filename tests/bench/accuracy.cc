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

#include "sdk/cli/handles.h"
#include "sdk/cli/table.h"
#include "skein/skein.h"
#include "tests/support/divergence.h"

namespace skein::test {
namespace {

using cli::Call;
using cli::Failure;
using cli::FormatNumber;
using cli::Make;
using Tokens = std::vector<skein_token>;

constexpr size_t kPiece = 2048;
constexpr size_t kChunk = 128;  // tokens whose logits are held at a time

cli::Model Load(skein_runtime runtime, const char* path, const std::string& type) {
  const auto options = Make<cli::Options>(skein_options_create, uint32_t{SKEIN_OPTIONS_MODEL});
  Call(skein_options_set_str, options.get(), "type", type.c_str());
  if (const char* device = std::getenv("SKEIN_ACCURACY_DEVICE")) {
    Call(skein_options_set_str, options.get(), "device", device);
  }
  return Make<cli::Model>(skein_model_load, runtime, path, options.get());
}

skein_model_info InfoOf(skein_model model) {
  auto info = cli::Sized<skein_model_info>();
  Call(skein_model_get_info, model, &info);
  return info;
}

Tokens ReadTokens(skein_model model, const std::string& path) {
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
  if (InfoOf(model).has_tokenizer == 0) {
    for (const char byte : text) tokens.push_back(static_cast<unsigned char>(byte));
    return tokens;
  }
  const auto tokenizer = Make<cli::Tokenizer>(skein_model_tokenizer, model);
  return cli::Read<Tokens>(skein_tokenizer_encode, tokenizer.get(), text.data(), text.size());
}

// Logits after each token of a chunk: [count, vocab_size].
void Feed(skein_model model, skein_stream stream, const skein_token* tokens, size_t count, std::vector<float>& logits) {
  skein_eval_item item = {};
  item.stream = stream;
  item.tokens = tokens;
  item.num_tokens = count;
  item.output = logits.data();
  item.output_capacity = logits.size();
  item.output_kind = SKEIN_OUTPUT_ALL_LOGITS;
  Call(skein_eval, model, static_cast<void*>(&item), uint32_t{sizeof(item)}, 1u);
}

Divergence Compare(skein_model exact, skein_model rounded, const Tokens& tokens) {
  const size_t vocab_size = InfoOf(exact).vocab_size;
  const auto exact_stream = Make<cli::Stream>(skein_stream_create, exact, nullptr);
  const auto rounded_stream = Make<cli::Stream>(skein_stream_create, rounded, nullptr);
  std::vector<float> exact_logits(kChunk * vocab_size);
  std::vector<float> rounded_logits(kChunk * vocab_size);
  Divergence divergence;
  for (size_t piece = 0; piece < tokens.size(); piece += kPiece) {
    const size_t piece_end = std::min(tokens.size(), piece + kPiece);
    Call(skein_stream_reset, exact_stream.get());
    Call(skein_stream_reset, rounded_stream.get());
    // The last token of a piece has none after it.
    for (size_t first = piece; first + 1 < piece_end; first += kChunk) {
      const size_t count = std::min(kChunk, piece_end - 1 - first);
      Feed(exact, exact_stream.get(), &tokens[first], count, exact_logits);
      Feed(rounded, rounded_stream.get(), &tokens[first], count, rounded_logits);
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
  const auto runtime = Make<cli::Runtime>(skein_runtime_create, nullptr);
  const cli::Model exact = Load(runtime.get(), path, "f32");
  const Tokens tokens = ReadTokens(exact.get(), text);
  if (tokens.size() < 2) throw Failure(text + ": expected two tokens or more");
  std::vector<std::vector<std::string>> rows = {
      {"TYPE", "WEIGHTS", "TOKENS", "PERPLEXITY", "INCREASE", "ERROR", "KL MEAN", "KL MAX", "GREEDY"}};
  for (const std::string& type : types) {
    const cli::Model rounded = Load(runtime.get(), path, type);
    const Divergence divergence = Compare(exact.get(), rounded.get(), tokens);
    if (rows.size() == 1) {
      rows.push_back({"f32", cli::FormatBytes(InfoOf(exact.get()).weights_bytes),
                      std::to_string(divergence.num_places()), FormatNumber(divergence.ExactPerplexity(), 4), "-", "-",
                      "-", "-", "-"});
    }
    rows.push_back({type, cli::FormatBytes(InfoOf(rounded.get()).weights_bytes),
                    std::to_string(divergence.num_places()), FormatNumber(divergence.RoundedPerplexity(), 4),
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
