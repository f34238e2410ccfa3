// skein score: a model's prediction of a text: log-likelihood, perplexity, bits per byte. Or, with --choices, how
// probable each of several continuations of it is.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <numbers>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "commands.h"
#include "input.h"
#include "output.h"
#include "score_choices.h"
#include "session.h"
#include "starting_stream.h"
#include "table.h"
#include "token_list.h"

namespace skein::cli {
namespace {

constexpr uint64_t kDefaultChunk = 256;

// The text to be scored.
struct Text {
  std::string where;
  std::vector<Token> tokens;
  Tokenizer tokenizer;  // empty if the model has none, which is enough for a list of ids
};

Text ReadText(const Arguments& arguments, const Model& model) {
  Text text;
  if (const auto path = arguments.Text("tokens-file")) {
    if (model.Info().has_tokenizer != 0) text.tokenizer = model.GetTokenizer();
    text.where = *path;
    text.tokens = ParseTokens(ReadInput(*path), *path);
    return text;
  }
  const std::optional<std::string> prompt = arguments.Text("prompt");
  text.where = prompt ? "--prompt" : arguments.operands()[0];
  try {
    text.tokenizer = model.GetTokenizer();
  } catch (const Error& failure) {
    throw Failure(ModelPath(arguments) + ": " + failure.what() +
                  "; --tokenizer FILE gives it one, and --tokens-file needs none");
  }
  const std::string bytes = prompt ? *prompt : ReadInput(text.where);
  text.tokens = text.tokenizer.Encode(bytes);
  return text;
}

// The bytes that tokens stand for; none without a tokenizer.
std::optional<uint64_t> TextBytes(const Text& text, std::span<const Token> tokens) {
  if (!text.tokenizer) return std::nullopt;
  return text.tokenizer.Decode(tokens).size();
}

// log softmax(logits)[token], in nats.
double LogProbability(std::span<const float> logits, Token token) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  return logits[token] - largest - std::log(sum);
}

// Feeds sequences to one stream, and adds up their log-likelihoods.
class Scorer {
 public:
  // `model` must outlive it. `stream` stands where every sequence begins, and is reset to that place.
  Scorer(const Model& model, Stream stream, uint64_t chunk)
      : model_(model), stream_(std::move(stream)), vocab_size_(model.Info().vocab_size), chunk_(chunk) {}

  // The log-likelihood of all of `sequence` but its first token, from where the stream began. Only one chunk's logits
  // are held at a time.
  double Score(std::span<const Token> sequence) {
    stream_.Reset();
    double total = 0;
    for (size_t first = 0; first + 1 < sequence.size(); first += chunk_) {
      const size_t count = std::min<size_t>(chunk_, sequence.size() - 1 - first);
      rows_.resize(count * vocab_size_);
      skein_eval_item item = {};
      item.stream = stream_.get();
      item.tokens = sequence.data() + first;
      item.num_tokens = count;
      item.output = rows_.data();
      item.output_capacity = rows_.size();
      item.output_kind = SKEIN_OUTPUT_ALL_LOGITS;
      Eval(model_, {&item, 1});
      for (size_t i = 0; i < count; ++i) {
        const Token target = sequence[first + i + 1];
        CheckToken(target);
        total += LogProbability({rows_.data() + i * vocab_size_, vocab_size_}, target);
      }
    }
    return total;
  }

 private:
  // The library checks the tokens that are fed. The last token of a sequence is not fed.
  void CheckToken(Token token) const {
    if (token < vocab_size_) return;
    throw Failure("token " + std::to_string(token) + ": expected an id below the vocabulary's size " +
                  std::to_string(vocab_size_));
  }

  const Model& model_;
  const Stream stream_;
  const size_t vocab_size_;
  const uint64_t chunk_;
  std::vector<float> rows_;  // kept, since a chunk's are many megabytes
};

// The token that is fed before the first, so that the model predicts the first: the end of text, id 0 in the published
// vocabularies. The evaluations of the models' author do the same. A vocabulary in which id 0 is a text has none, and
// behind the text of --prefix no new text begins.
std::optional<Token> Prefix(const Arguments& arguments, const skein_model_info& info) {
  if (arguments.Has("no-prefix") || arguments.Has("prefix") || info.end_token == SKEIN_NO_TOKEN) return std::nullopt;
  return info.end_token;
}

struct Result {
  uint64_t num_scored = 0;
  std::optional<uint64_t> num_bytes = 0;  // of the tokens scored
  double log_likelihood = 0;              // nats
};

Result ScoreText(Scorer& scorer, const Text& text, std::optional<Token> prefix, uint64_t context) {
  Result result;
  for (size_t first = 0; first < text.tokens.size(); first += context) {
    const size_t count = std::min<size_t>(context, text.tokens.size() - first);
    const std::span<const Token> window(text.tokens.data() + first, count);
    std::vector<Token> sequence(window.begin(), window.end());
    if (prefix) sequence.insert(sequence.begin(), *prefix);
    const auto scored = std::span<const Token>(sequence).subspan(1);
    result.num_scored += scored.size();
    const std::optional<uint64_t> bytes = TextBytes(text, scored);
    result.num_bytes = bytes ? std::optional<uint64_t>(*result.num_bytes + *bytes) : std::nullopt;
    result.log_likelihood += scorer.Score(sequence);
  }
  return result;
}

std::string Report(const Arguments& arguments, const Text& text, std::optional<Token> prefix, const Result& result) {
  const auto count = static_cast<double>(result.num_scored);
  const double mean = result.log_likelihood / count;
  std::optional<double> bits_per_byte;
  if (result.num_bytes.value_or(0) > 0) {
    bits_per_byte = -result.log_likelihood / std::numbers::ln2 / static_cast<double>(*result.num_bytes);
  }
  if (arguments.Has("json")) {
    nlohmann::ordered_json json = {{"file", text.where},
                                   {"tokens", result.num_scored},
                                   {"bytes", nullptr},
                                   {"prefix", nullptr},
                                   {"log_likelihood", result.log_likelihood},
                                   {"mean_log_likelihood", mean},
                                   {"perplexity", std::exp(-mean)},
                                   {"bits_per_byte", nullptr}};
    if (result.num_bytes) json["bytes"] = *result.num_bytes;
    if (prefix) json["prefix"] = *prefix;
    if (bits_per_byte) json["bits_per_byte"] = *bits_per_byte;
    return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  }
  return FormatTable({{"tokens", std::to_string(result.num_scored)},
                      {"bytes", result.num_bytes ? std::to_string(*result.num_bytes) : "-"},
                      {"prefix", prefix ? "token " + std::to_string(*prefix) : "none: the first token is not scored"},
                      {"log-likelihood", FormatNumber(result.log_likelihood, 4) + " nats"},
                      {"per token", FormatNumber(mean, 6) + " nats"},
                      {"perplexity", FormatNumber(std::exp(-mean), 4)},
                      {"bits per byte", bits_per_byte ? FormatNumber(*bits_per_byte, 4) : "-"}});
}

// The report of --choices: the lines of the file as continuations of the text.
std::string ChoicesReport(const Arguments& arguments, const Model& model, const StartingStreams& streams,
                          const Text& text, std::optional<Token> prefix) {
  for (const char* option : {"chunk", "context"}) {
    if (arguments.Has(option))
      throw UsageError(std::string("score: --choices and --") + option + " exclude each other");
  }
  std::vector<Token> context = text.tokens;
  if (prefix) context.insert(context.begin(), *prefix);
  if (context.empty()) throw Failure(text.where + ": expected at least one token in front of the choices, found none");
  if (!text.tokenizer) throw Failure("--choices needs a tokenizer, and the model has none");
  return ScoreChoices(model, streams.Make(), text.tokenizer, context, ReadLines(*arguments.Text("choices")),
                      arguments.Has("json") ? ReportForm::kJson : ReportForm::kTable);
}

int Score(const Arguments& arguments) {
  const int num_texts = (arguments.Has("tokens-file") ? 1 : 0) + (arguments.Has("prompt") ? 1 : 0) +
                        (arguments.operands().empty() ? 0 : 1);
  if (num_texts != 1) throw UsageError("score: expected a text file or --tokens-file, or --prompt with --choices");
  if (arguments.Has("prompt") && !arguments.Has("choices")) throw UsageError("score: --prompt needs --choices");
  const Session session(arguments);
  const Model model = session.LoadModel(arguments);
  const StartingStreams streams(arguments, model);
  const Text text = ReadText(arguments, model);
  const std::optional<Token> prefix = Prefix(arguments, model.Info());
  if (arguments.Has("choices")) {
    DataWriter().Write(ChoicesReport(arguments, model, streams, text, prefix));
    return 0;
  }
  if (text.tokens.size() + (prefix ? 1 : 0) < 2) {
    throw Failure(text.where + ": expected at least one token to score, found none");
  }
  Scorer scorer(model, streams.Make(), arguments.Count("chunk").value_or(kDefaultChunk));
  const uint64_t context = arguments.Count("context").value_or(text.tokens.size());
  DataWriter().Write(Report(arguments, text, prefix, ScoreText(scorer, text, prefix, context)));
  return 0;
}

}  // namespace

Command ScoreCommand() {
  return {
      .name = "score",
      .synopsis = "-m MODEL (FILE | --tokens-file FILE | -p TEXT) [--choices FILE] [options]",
      .summary = "log-likelihood, perplexity and bits per byte of a text; - is stdin",
      .max_operands = 1,
      .options = WithModelOptions({
          {.name = "tokens-file",
           .takes = Takes::kText,
           .value = "FILE",
           .help = "token ids instead of a text, as in skein logits; - is stdin"},
          {.name = "choices",
           .takes = Takes::kText,
           .value = "FILE",
           .help = "score each line of this file as a continuation of the text, and mark the best"},
          {.name = "prompt", .letter = 'p', .takes = Takes::kText, .value = "TEXT", .help = "with --choices: the text"},
          {.name = "chunk",
           .takes = Takes::kCount,
           .value = "N",
           .help = "feed N tokens at a time and hold only their logits (default: 256)"},
          {.name = "context",
           .takes = Takes::kCount,
           .value = "N",
           .help = "score pieces of N tokens, each from a fresh state (default: the text as one)"},
          PrefixOption(),
          {.name = "no-prefix",
           .help = "feed no end-of-text token first, so that the first token is not scored. None is fed with --prefix "
                   "either, nor where the vocabulary has none"},
          {.name = "json", .help = "as a JSON object"},
      }),
      .run = Score,
  };
}

}  // namespace skein::cli
