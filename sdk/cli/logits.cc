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

std::vector<skein_token> Tokens(const Arguments& arguments) {
  const auto list = arguments.Text("tokens");
  const auto file = arguments.Text("tokens-file");
  if (list.has_value() == file.has_value()) {
    throw UsageError(std::string("logits: expected --tokens or --tokens-file, found ") + (list ? "both" : "neither"));
  }
  if (list) {
    try {
      std::vector<skein_token> tokens = ParseTokens(*list, "--tokens");
      if (tokens.empty()) throw Failure("--tokens: expected at least one token id, found none");
      return tokens;
    } catch (const Error& failure) {
      throw UsageError(std::string("logits: ") + failure.what());
    }
  }
  std::vector<skein_token> tokens = ParseTokens(ReadInput(*file), *file);
  if (tokens.empty()) throw Failure(*file + ": expected at least one token id, found none");
  return tokens;
}

int Logits(const Arguments& arguments) {
  const std::vector<skein_token> tokens = Tokens(arguments);
  const std::optional<std::string> out = OutputPath(arguments, "out");
  const std::optional<std::string> state_out = OutputPath(arguments, "state-out");
  std::optional<OrderlyEnd> end;
  if (out || state_out) end.emplace();
  const Session session(arguments);
  const Model model = session.LoadModel(arguments);
  const skein_model_info info = ModelInfo(model.get());
  const auto stream = Make<Stream>(skein_stream_create, model.get(), nullptr);
  DataWriter writer(out.value_or("-"));
  std::optional<DataWriter> state_writer;
  if (state_out) state_writer.emplace(*state_out);

  // Only one chunk's rows are held at a time.
  const uint64_t chunk = std::min<uint64_t>(arguments.Count("chunk").value_or(tokens.size()), tokens.size());
  std::vector<float> rows(chunk * info.vocab_size);
  for (uint64_t first = 0; first < tokens.size(); first += chunk) {
    skein_eval_item item = {};
    item.stream = stream.get();
    item.tokens = tokens.data() + first;
    item.num_tokens = std::min<uint64_t>(chunk, tokens.size() - first);
    item.output = rows.data();
    item.output_capacity = rows.size();
    item.output_kind = SKEIN_OUTPUT_ALL_LOGITS;
    Call(skein_eval, model.get(), static_cast<void*>(&item), uint32_t{sizeof(item)}, 1);
    writer.Write(std::span<const float>(rows.data(), item.num_tokens * info.vocab_size));
  }
  if (state_writer) state_writer->Write(Read<std::vector<float>>(skein_stream_state, stream.get()));
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
