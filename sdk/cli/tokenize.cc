// skein tokenize and skein detokenize: text to ids and back.
#include <cstdint>
#include <string>
#include <vector>

#include "commands.h"
#include "input.h"
#include "output.h"
#include "session.h"
#include "token_list.h"

namespace skein::cli {
namespace {

// The operands, or all of stdin as one.
std::vector<std::string> Inputs(const Arguments& arguments) {
  const std::string name(arguments.command().name);
  if (!arguments.Has("tokenizer") && !arguments.Has("model")) {
    throw UsageError(name + ": -m MODEL or --tokenizer FILE is needed");
  }
  if (arguments.Has("stdin") == !arguments.operands().empty()) {
    throw UsageError(name + ": expected " + (name == "tokenize" ? "texts" : "lists of ids") +
                     " as arguments, or --stdin, found " + (arguments.Has("stdin") ? "both" : "neither"));
  }
  if (arguments.Has("stdin")) return {ReadInput("-")};
  return arguments.operands();
}

int Tokenize(const Arguments& arguments) {
  const std::vector<std::string> texts = Inputs(arguments);
  const Session session(arguments);
  const Tokenizer tokenizer = session.LoadTokenizer(arguments);
  DataWriter writer;
  for (const std::string& text : texts) writer.Write(FormatTokens(tokenizer.Encode(text)) + "\n");
  return 0;
}

int Detokenize(const Arguments& arguments) {
  const std::string where = arguments.Has("stdin") ? "standard input" : "argument";
  std::vector<std::vector<Token>> lists;
  for (const std::string& text : Inputs(arguments)) lists.push_back(ParseTokens(text, where));
  const Session session(arguments);
  const Tokenizer tokenizer = session.LoadTokenizer(arguments);
  DataWriter writer;
  for (const std::vector<Token>& tokens : lists) writer.Write(tokenizer.Decode(tokens));
  return 0;
}

}  // namespace

Command TokenizeCommand() {
  return {
      .name = "tokenize",
      .synopsis = "(-m MODEL | --tokenizer FILE) (--stdin | TEXT...) [options]",
      .summary = "turn text into token ids, one JSON array a line for each text",
      .max_operands = SIZE_MAX,
      .options = WithTokenizerOptions({{.name = "stdin", .help = "read one text from stdin: all its bytes"}}),
      .run = Tokenize,
  };
}

Command DetokenizeCommand() {
  return {
      .name = "detokenize",
      .synopsis = "(-m MODEL | --tokenizer FILE) (--stdin | IDS...) [options]",
      .summary = "turn token ids (JSON arrays, or separated by commas) into the bytes they stand for",
      .max_operands = SIZE_MAX,
      .options = WithTokenizerOptions({{.name = "stdin", .help = "read JSON arrays from stdin"}}),
      .run = Detokenize,
  };
}

}  // namespace skein::cli
