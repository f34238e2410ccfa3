// skein embed: texts as vectors, from the final hidden state.
#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "commands.h"
#include "input.h"
#include "output.h"
#include "session.h"

namespace skein::cli {
namespace {

struct Embeddings {
  std::vector<float> rows;  // [texts, d_model]
  std::vector<uint64_t> num_tokens;
  size_t d_model = 0;

  std::span<const float> row(size_t i) const { return std::span(rows).subspan(i * d_model, d_model); }
};

Embeddings EmbeddingsOf(const Model& model, const std::vector<std::string>& texts, uint32_t pooling, bool normalise) {
  Embeddings result;
  result.d_model = model.Info().d_model;
  result.rows.resize(texts.size() * result.d_model);
  std::vector<skein_embed_item> items(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    items[i].text = texts[i].data();
    items[i].text_bytes = texts[i].size();
    items[i].embedding = result.rows.data() + i * result.d_model;
    items[i].capacity = result.d_model;
    items[i].pooling = pooling;
    items[i].normalise = normalise ? 1 : 0;
  }
  Embed(model, items);
  for (const skein_embed_item& item : items) result.num_tokens.push_back(item.num_read);
  return result;
}

// The number with the fewest digits that is read back as `value`. The float itself would be written with twice as many.
double ShortestNumber(float value) {
  char digits[32];
  const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), value);
  double number = value;
  if (error == std::errc()) std::from_chars(digits, end, number);
  return number;
}

std::string ToJson(const std::vector<std::string>& texts, const Embeddings& embeddings) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (size_t i = 0; i < texts.size(); ++i) {
    std::vector<double> numbers;
    for (const float value : embeddings.row(i)) numbers.push_back(ShortestNumber(value));
    all.push_back({{"text", texts[i]}, {"tokens", embeddings.num_tokens[i]}, {"embedding", std::move(numbers)}});
  }
  return all.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

int Run(const Arguments& arguments) {
  if (arguments.Has("mean") && arguments.Has("last")) throw UsageError("embed: --mean and --last exclude each other");
  if (arguments.Has("lines") == !arguments.operands().empty()) {
    throw UsageError(std::string("embed: expected texts or --lines FILE, found ") +
                     (arguments.Has("lines") ? "both" : "neither"));
  }
  const std::vector<std::string> texts =
      arguments.Has("lines") ? ReadLines(*arguments.Text("lines")) : arguments.operands();
  const Session session(arguments);
  const Model model = session.LoadModel(arguments);
  const uint32_t pooling = arguments.Has("mean") ? SKEIN_POOLING_MEAN : SKEIN_POOLING_LAST;
  const Embeddings embeddings = EmbeddingsOf(model, texts, pooling, arguments.Has("normalise"));
  if (arguments.Has("raw")) {
    DataWriter().Write(embeddings.rows);
  } else {
    DataWriter().Write(ToJson(texts, embeddings));
  }
  return 0;
}

}  // namespace

Command EmbedCommand() {
  return {
      .name = "embed",
      .synopsis = "-m MODEL (TEXT... | --lines FILE) [options]",
      .summary = "texts as vectors, from the model's final hidden state",
      .max_operands = 4096,
      .options = WithModelOptions({
          {.name = "lines", .takes = Takes::kText, .value = "FILE", .help = "each line is a text; - is stdin"},
          {.name = "last", .help = "the hidden state of the last token (the default)"},
          {.name = "mean", .help = "the mean over the tokens of the text"},
          {.name = "normalise", .help = "scale each vector to length 1"},
          {.name = "raw", .help = "raw float32 [texts, d_model] instead of JSON"},
      }),
      .run = Run,
  };
}

}  // namespace skein::cli
