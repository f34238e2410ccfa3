#include "arguments.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "table.h"

namespace skein::cli {
namespace {

// Whether `text` is an integer that 64 bits do not hold.
bool IsTooLarge(std::string_view text) {
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  return text.size() > 18 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// The whole of `text` as a number, or nothing.
template <typename Number>
std::optional<Number> ParseNumber(std::string_view text) {
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

const Option* FindOption(const Command& command, std::string_view name) {
  const auto found = std::find_if(command.options.begin(), command.options.end(),
                                  [&](const Option& option) { return option.name == name; });
  return found == command.options.end() ? nullptr : &*found;
}

const Option* FindLetter(const Command& command, char letter) {
  const auto found = std::find_if(command.options.begin(), command.options.end(),
                                  [&](const Option& option) { return option.letter == letter; });
  return found == command.options.end() ? nullptr : &*found;
}

[[noreturn]] void Refuse(const Command& command, const std::string& what) {
  throw UsageError(std::string(command.name) + ": " + what);
}

// Levenshtein's distance: insertions, deletions and substitutions that turn `a` into `b`.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

Arguments::Arguments(const Command& command, const std::vector<std::string>& words) : command_(command) {
  bool only_operands = false;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (only_operands || word.size() < 2 || word[0] != '-') {
      operands_.push_back(word);
      continue;
    }
    if (word == "--") {
      only_operands = true;
      continue;
    }
    if (word == "--help" || word == "-h") {
      help_ = true;
      return;
    }
    if (word == "--version") {
      version_ = true;
      return;
    }
    // Four spellings: --name VALUE, --name=VALUE, -x VALUE, -xVALUE.
    const Option* option = nullptr;
    std::optional<std::string> attached;
    if (word[1] == '-') {
      const size_t equals = word.find('=');
      const std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
      if (equals != std::string::npos) attached = word.substr(equals + 1);
      option = FindOption(command, name);
      if (option == nullptr) {
        std::vector<std::string> candidates;
        for (const Option& known : command.options) candidates.push_back("--" + std::string(known.name));
        Refuse(command, "unknown option --" + name + Hint("--" + name, candidates));
      }
    } else {
      option = FindLetter(command, word[1]);
      if (option == nullptr) Refuse(command, "unknown option " + word.substr(0, 2));
      if (word.size() > 2) attached = word.substr(2);
    }
    if (option->takes == Takes::kNothing) {
      if (attached) Refuse(command, "--" + std::string(option->name) + " takes no value, found \"" + *attached + "\"");
      Add(*option, "");
    } else if (attached) {
      Add(*option, std::move(*attached));
    } else if (i + 1 < words.size()) {
      Add(*option, words[++i]);
    } else {
      Refuse(command, "--" + std::string(option->name) + " needs a value " + std::string(option->value));
    }
  }
  if (operands_.size() > command.max_operands) {
    Refuse(command, "unexpected argument \"" + operands_[command.max_operands] + "\"");
  }
}

void Arguments::Add(const Option& option, std::string value) {
  std::string expected;
  switch (option.takes) {
    case Takes::kNothing:
    case Takes::kText:
      break;
    case Takes::kInteger:
      if (!ParseNumber<int64_t>(value)) expected = "an integer";
      break;
    case Takes::kCount: {
      const std::optional<int64_t> number = ParseNumber<int64_t>(value);
      if (!number || *number < 1) expected = "an integer of at least 1";
      break;
    }
    case Takes::kReal: {
      const std::optional<double> number = ParseNumber<double>(value);
      if (!number || !std::isfinite(*number)) expected = "a number";
      break;
    }
  }
  const std::string name(option.name);
  if (!expected.empty() && IsTooLarge(value)) expected += ", which 64 bits hold";
  if (!expected.empty()) Refuse(command_, "--" + name + ": expected " + expected + ", found \"" + value + "\"");
  std::vector<std::string>& values = values_[name];
  if (!values.empty() && !option.repeatable) Refuse(command_, "--" + name + " is given twice");
  values.push_back(std::move(value));
}

bool Arguments::Offers(std::string_view option) const { return FindOption(command_, option) != nullptr; }

Takes Arguments::TypeOf(std::string_view option) const {
  const Option* found = FindOption(command_, option);
  if (found == nullptr) throw std::logic_error("no option --" + std::string(option) + " in this command");
  return found->takes;
}

const std::string* Arguments::Find(std::string_view option) const {
  TypeOf(option);  // checks that the table has the name
  const auto found = values_.find(option);
  return found == values_.end() ? nullptr : &found->second.back();
}

bool Arguments::Has(std::string_view option) const { return Find(option) != nullptr; }

std::optional<std::string> Arguments::Text(std::string_view option) const {
  const std::string* value = Find(option);
  return value == nullptr ? std::nullopt : std::optional<std::string>(*value);
}

std::optional<int64_t> Arguments::Integer(std::string_view option) const {
  const std::string* value = Find(option);
  return value == nullptr ? std::nullopt : ParseNumber<int64_t>(*value);
}

std::optional<uint64_t> Arguments::Count(std::string_view option) const {
  const std::string* value = Find(option);
  return value == nullptr ? std::nullopt : ParseNumber<uint64_t>(*value);
}

std::optional<double> Arguments::Real(std::string_view option) const {
  const std::string* value = Find(option);
  return value == nullptr ? std::nullopt : ParseNumber<double>(*value);
}

std::vector<std::string> Arguments::Texts(std::string_view option) const {
  TypeOf(option);
  const auto found = values_.find(option);
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

std::string HelpText(const Command& command) {
  constexpr size_t kWidth = 80;
  const std::string usage = "usage: skein " + std::string(command.name);
  std::string text = usage;
  if (!command.synopsis.empty()) text += " " + WrapText(command.synopsis, kWidth, usage.size() + 1);
  text += "\n\n" + WrapText(command.summary, kWidth, 0) + "\n\n";

  std::vector<Option> options = command.options;
  options.push_back({.name = "help", .letter = 'h', .help = "show this text"});
  options.push_back({.name = "version", .help = "show the version of the library"});
  std::vector<Described> rows;
  for (const Option& option : options) {
    std::string form = option.letter == '\0' ? "      --" : std::string("  -") + option.letter + ", --";
    form.append(option.name);
    if (!option.value.empty()) form.append(" ").append(option.value);
    rows.push_back({std::move(form), std::string(option.help)});
  }
  text += FormatDescriptions(rows);
  return command.more == nullptr ? text : text + "\n" + command.more();
}

std::string Hint(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string* nearest = nullptr;
  size_t least = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    // The start of a longer name counts as one slip: --seq for --sequence.
    const size_t distance = candidate.substr(0, word.size()) == word ? 1 : EditDistance(word, candidate);
    if (distance < least) {
      least = distance;
      nearest = &candidate;
    }
  }
  return nearest == nullptr ? "" : "; did you mean " + *nearest + "?";
}

}  // namespace skein::cli
