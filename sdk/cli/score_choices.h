// skein score --choices: how probable each of several continuations of one text is.
#ifndef SKEIN_CLI_SCORE_CHOICES_H_
#define SKEIN_CLI_SCORE_CHOICES_H_

#include <span>
#include <string>
#include <vector>

#include "failure.h"

namespace skein::cli {

enum class ReportForm { kTable, kJson };

// Scores `choices` behind the tokens of `context`, of which there is at least one. The context is read once. Gives the
// report: for each choice its log-probability in nats, that per token and per byte, and which choice is the best by
// each. Throws Error.
std::string ScoreChoices(const Model& model, const Stream& stream, const Tokenizer& tokenizer,
                         std::span<const Token> context, const std::vector<std::string>& choices, ReportForm form);

}  // namespace skein::cli

#endif  // SKEIN_CLI_SCORE_CHOICES_H_
