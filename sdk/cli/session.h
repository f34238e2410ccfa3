// The common part of the commands: the options that most of them take, and a runtime, model or tokenizer made from
// them.
#ifndef SKEIN_CLI_SESSION_H_
#define SKEIN_CLI_SESSION_H_

#include <string>
#include <string_view>
#include <vector>

#include "arguments.h"
#include "call_options.h"
#include "failure.h"
#include "monitor.h"

namespace skein::cli {

// `own` followed by --threads, --plugin-path and --log: for commands that make a Session.
std::vector<Option> WithRuntimeOptions(std::vector<Option> own);
// -m, `own`, --tokenizer, and those of WithRuntimeOptions: for commands that need a tokenizer and no model.
std::vector<Option> WithTokenizerOptions(std::vector<Option> own);
// -m, `own`, --device, --type, --tokenizer, --lora, --state, --trace, and those of WithRuntimeOptions: for commands
// that load a model.
std::vector<Option> WithModelOptions(std::vector<Option> own);

// --lora and --state, for commands that read a model.
Option LoraOption();
Option StateOption();

// A runtime made from the command line, for commands that read the log themselves. The others make a Session.
Runtime MakeRuntime(const Arguments& arguments);

// A runtime made from the command line, watched by a Monitor. Everything below throws Error or UsageError.
class Session {
 public:
  explicit Session(const Arguments& arguments);

  const Runtime& runtime() const { return runtime_; }

  // The model that -m names, with the options of WithModelOptions. `options` may hold more.
  // Where the vocabulary is neither in the model nor named, a line on stderr says which was chosen; for
  // LoadTokenizer too.
  Model LoadModel(const Arguments& arguments) const;
  Model LoadModel(const Arguments& arguments, CallOptions<ModelOptions> options) const;
  // The same with another path than that of -m.
  Model LoadModel(const std::string& path, const Arguments& arguments, CallOptions<ModelOptions> options) const;

  // The tokenizer that --tokenizer names, else that of the model that -m names. The model is not loaded.
  Tokenizer LoadTokenizer(const Arguments& arguments) const;

 private:
  Runtime runtime_;
  Monitor monitor_;
};

// Says on stderr which vocabulary was chosen, where it is neither in the model nor named by the user. `origin` and
// `path` are those of skein_tokenizer_info.
void NoteVocabulary(std::string_view origin, const std::string& path);

// The value of -m. Throws UsageError if it is missing.
std::string ModelPath(const Arguments& arguments);

}  // namespace skein::cli

#endif  // SKEIN_CLI_SESSION_H_
