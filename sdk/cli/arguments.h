// The command line as data. A command is a table of options; parsing, --help and the hints of usage errors come from
// the table. The meaning of the values is left out: the library checks names and ranges.
#ifndef SKEIN_CLI_ARGUMENTS_H_
#define SKEIN_CLI_ARGUMENTS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace skein::cli {

// The command line is wrong: the tool ends with exit code 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class Takes {
  kNothing,
  kText,
  kInteger,  // signed, 64 bits
  kCount,    // an integer of at least 1
  kReal,     // finite
};

struct Option {
  std::string_view name;  // without the dashes
  char letter = '\0';     // the short form; none if 0
  Takes takes = Takes::kNothing;
  std::string_view value = {};  // the name of the value in the help
  std::string_view help;
  bool repeatable = false;
};

class Arguments;

struct Command {
  std::string_view name;
  std::string_view synopsis;  // the text behind the name in the usage line
  std::string_view summary;   // one sentence
  size_t max_operands = 0;    // arguments that belong to no option
  std::vector<Option> options;
  // Does the work and returns the exit code. Throws UsageError, Failure or OutputClosed.
  int (*run)(const Arguments& arguments);
  bool hidden = false;              // not listed, because only the tool itself starts it
  std::string (*more)() = nullptr;  // the end of the help, where there is more to say than the options
};

// The arguments of one command, checked against its table when they are made. The command must outlive them.
// Asking for an option that the table lacks is a defect of the command and throws std::logic_error.
class Arguments {
 public:
  // `words` follow the command's name. --help and --version are known to every command and end the parsing.
  // Throws UsageError: unknown option, missing or malformed value, an option twice, too many operands.
  Arguments(const Command& command, const std::vector<std::string>& words);

  bool help() const { return help_; }
  bool version() const { return version_; }
  const Command& command() const { return command_; }
  const std::vector<std::string>& operands() const { return operands_; }

  // Whether the command has such an option.
  bool Offers(std::string_view option) const;
  Takes TypeOf(std::string_view option) const;
  bool Has(std::string_view option) const;
  // Without a value where the option was not given.
  std::optional<std::string> Text(std::string_view option) const;
  std::optional<int64_t> Integer(std::string_view option) const;
  std::optional<uint64_t> Count(std::string_view option) const;
  std::optional<double> Real(std::string_view option) const;
  // All values of a repeatable option, in their order.
  std::vector<std::string> Texts(std::string_view option) const;

 private:
  const std::string* Find(std::string_view option) const;
  // Checks `value` against the option's type and keeps it.
  void Add(const Option& option, std::string value);

  const Command& command_;
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
  std::vector<std::string> operands_;
  bool help_ = false;
  bool version_ = false;
};

// The text of `skein COMMAND --help`.
std::string HelpText(const Command& command);

// The candidate nearest to `word`, as `; did you mean X?`, or "" if none is near.
std::string Hint(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace skein::cli

#endif  // SKEIN_CLI_ARGUMENTS_H_
