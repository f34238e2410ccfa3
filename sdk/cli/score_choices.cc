#include "score_choices.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "screen_text.h"
#include "table.h"

namespace skein::cli {
namespace {

struct Choice {
  std::string text;
  std::vector<Token> tokens;  // the context's last one, and those of the text
  double log_likelihood = 0;  // of the text, in nats

  double num_tokens() const { return static_cast<double>(tokens.size() - 1); }
  double per_token() const { return log_likelihood / num_tokens(); }
  double per_byte() const { return log_likelihood / static_cast<double>(text.size()); }
};

// Has the stream read the context but for its last token, which begins each item: the logits behind it are then
// the item's.
void ReadContext(const Model& model, const Stream& stream, std::span<const Token> context) {
  if (context.size() > 1) Eval(model, stream, context.first(context.size() - 1), SKEIN_OUTPUT_NONE);
}

std::vector<Choice> MakeChoices(const Tokenizer& tokenizer, Token last, const std::vector<std::string>& texts) {
  std::vector<Choice> choices;
  for (const std::string& text : texts) {
    Choice& choice = choices.emplace_back();
    choice.text = text;
    choice.tokens = tokenizer.Encode(text);
    choice.tokens.insert(choice.tokens.begin(), last);
  }
  return choices;
}

void ScoreEach(const Model& model, const Stream& stream, std::vector<Choice>& choices) {
  std::vector<skein_score_item> items(choices.size());
  for (size_t i = 0; i < choices.size(); ++i) {
    items[i].stream = stream.get();
    items[i].tokens = choices[i].tokens.data();
    items[i].num_tokens = choices[i].tokens.size();
  }
  Score(model, items);
  for (size_t i = 0; i < choices.size(); ++i) choices[i].log_likelihood = items[i].logprob;
}

// The index of the choice with the greatest value; of equals the first.
template <typename Value>
size_t BestBy(const std::vector<Choice>& choices, Value value) {
  const auto best = std::max_element(choices.begin(), choices.end(), [value](const Choice& a, const Choice& b) {
    return std::invoke(value, a) < std::invoke(value, b);
  });
  return static_cast<size_t>(best - choices.begin());
}

std::string TableOf(const std::vector<Choice>& choices) {
  const size_t best = BestBy(choices, &Choice::log_likelihood);
  const size_t best_per_token = BestBy(choices, &Choice::per_token);
  const size_t best_per_byte = BestBy(choices, &Choice::per_byte);
  const auto number = [](double value, bool is_best) { return FormatNumber(value, 4) + (is_best ? " *" : ""); };
  std::vector<std::vector<std::string>> rows = {{"log-likelihood", "per token", "per byte", "tokens", "choice"}};
  for (size_t i = 0; i < choices.size(); ++i) {
    const Choice& choice = choices[i];
    rows.push_back({number(choice.log_likelihood, i == best), number(choice.per_token(), i == best_per_token),
                    number(choice.per_byte(), i == best_per_byte), std::to_string(choice.tokens.size() - 1),
                    ScreenText(choice.text)});
  }
  return FormatTable(rows) + "nats; * marks the best\n";
}

std::string JsonOf(const std::vector<Choice>& choices) {
  nlohmann::ordered_json json = {{"choices", nlohmann::ordered_json::array()},
                                 {"best", BestBy(choices, &Choice::log_likelihood)},
                                 {"best_per_token", BestBy(choices, &Choice::per_token)},
                                 {"best_per_byte", BestBy(choices, &Choice::per_byte)}};
  for (const Choice& choice : choices) {
    json["choices"].push_back({{"text", choice.text},
                               {"tokens", choice.tokens.size() - 1},
                               {"bytes", choice.text.size()},
                               {"log_likelihood", choice.log_likelihood},
                               {"per_token", choice.per_token()},
                               {"per_byte", choice.per_byte()}});
  }
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string ScoreChoices(const Model& model, const Stream& stream, const Tokenizer& tokenizer,
                         std::span<const Token> context, const std::vector<std::string>& choices, ReportForm form) {
  ReadContext(model, stream, context);
  std::vector<Choice> scored = MakeChoices(tokenizer, context.back(), choices);
  ScoreEach(model, stream, scored);
  return form == ReportForm::kJson ? JsonOf(scored) : TableOf(scored);
}

}  // namespace skein::cli
