// skein logits: the logits after every token, and the state after the last, as raw little-endian float32.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "commands.h"
#include "input.h"
#include "orderly_end.h"
#include "output.h"
#include "session.h"
#include "token_list.h"

namespace skein::cli {
namespace {

std::vector<Token> Tokens(const Arguments& arguments) {
  const auto list = arguments.Text("tokens");
  const auto file = arguments.Text("tokens-file");
  if (list.has_value() == file.has_value()) {
    throw UsageError(std::string("logits: expected --tokens or --tokens-file, found ") + (list ? "both" : "neither"));
  }
  if (list) {
    try {
      std::vector<Token> tokens = ParseTokens(*list, "--tokens");
      if (tokens.empty()) throw Failure("--tokens: expected at least one token id, found none");
      return tokens;
    } catch (const Error& failure) {
      throw UsageError(std::string("logits: ") + failure.what());
    }
  }
  std::vector<Token> tokens = ParseTokens(ReadInput(*file), *file);
  if (tokens.empty()) throw Failure(*file + ": expected at least one token id, found none");
  return tokens;
}

int Logits(const Arguments& arguments) {
  const std::vector<Token> tokens = Tokens(arguments);
  const std::optional<std::string> out = OutputPath(arguments, "out");
  const std::optional<std::string> state_out = OutputPath(arguments, "state-out");
  std::optional<OrderlyEnd> end;
  if (out || state_out) end.emplace();
  const Session session(arguments);
  const Model model = session.LoadModel(arguments);
  const Stream stream(model);
  DataWriter writer(out.value_or("-"));
  std::optional<DataWriter> state_writer;
  if (state_out) state_writer.emplace(*state_out);

  // Only one chunk's rows are held at a time.
  const uint64_t chunk = std::min<uint64_t>(arguments.Count("chunk").value_or(tokens.size()), tokens.size());
  for (uint64_t first = 0; first < tokens.size(); first += chunk) {
    const auto fed = std::span(tokens).subspan(first, std::min<uint64_t>(chunk, tokens.size() - first));
    writer.Write(Eval(model, stream, fed, SKEIN_OUTPUT_ALL_LOGITS));
  }
  if (state_writer) state_writer->Write(stream.State());
  writer.Close();
  if (state_writer) state_writer->Close();
  return 0;
}

}  // namespace

Command LogitsCommand() {
  return {
      .name = "logits",
      .synopsis = "-m MODEL (--tokens 1,2,3 | --tokens-file FILE) [options]",
      .summary = "write the logits after every token, as raw float32 [tokens, vocab]",
      .options = WithModelOptions({
          {.name = "tokens", .takes = Takes::kText, .value = "IDS", .help = "token ids, separated by commas"},
          {.name = "tokens-file",
           .takes = Takes::kText,
           .value = "FILE",
           .help = "token ids separated by commas or white space, or a JSON array; - is stdin"},
          {.name = "chunk",
           .takes = Takes::kCount,
           .value = "N",
           .help = "feed N tokens at a time and hold only their logits (default: all at once)"},
          {.name = "out",
           .letter = 'o',
           .takes = Takes::kText,
           .value = "FILE",
           .help = "where the logits go (default: stdout)"},
          {.name = "state-out",
           .takes = Takes::kText,
           .value = "FILE",
           .help = "also write the canonical state after the last token"},
      }),
      .run = Logits,
  };
}

}  // namespace skein::cli
