#include "cpp/step.h"

#include <regex>
#include <stdexcept>
#include <utility>

namespace scenario {
namespace {

// The text in quotes that starts at `line[at]`, and moves `at` behind it.
std::string ReadQuoted(const std::string& line, size_t& at) {
  std::string text;
  for (++at; at < line.size() && line[at] != '"'; ++at) {
    if (line[at] != '\\') {
      text += line[at];
      continue;
    }
    const char escape = at + 1 < line.size() ? line[++at] : '\0';
    if (escape == 'x' && at + 2 < line.size()) {
      text += static_cast<char>(std::stoi(line.substr(at + 1, 2), nullptr, 16));
      at += 2;
    } else if (escape == 'n') {
      text += '\n';
    } else if (escape == '"' || escape == '\\') {
      text += escape;
    } else {
      throw std::runtime_error("unknown escape in: " + line);
    }
  }
  if (at++ >= line.size()) throw std::runtime_error("text without an end in: " + line);
  return text;
}

std::string Placed(const std::string& text, const Places& places) {
  for (const auto& [name, path] : places) {
    if (text.compare(0, name.size(), name) == 0) return path + text.substr(name.size());
  }
  return text;
}

// The bare characters up to a space, or up to what `ends` matches.
std::string ReadBare(const std::string& line, size_t& at, char end) {
  const size_t begin = at;
  while (at < line.size() && line[at] != ' ' && line[at] != end) ++at;
  return line.substr(begin, at - begin);
}

Word ReadWord(const std::string& line, size_t& at, const Places& places) {
  const bool quoted = at < line.size() && line[at] == '"';
  const std::string text = quoted ? ReadQuoted(line, at) : ReadBare(line, at, ' ');
  return {Placed(text, places), quoted};
}

skein::Option MakeOption(const std::string& key, const Word& value) {
  static const std::regex integer("-?[0-9]+"), real("-?[0-9]*\\.[0-9]+");
  if (!value.quoted && std::regex_match(value.text, integer)) {
    return {key, static_cast<int64_t>(std::stoll(value.text))};
  }
  if (!value.quoted && std::regex_match(value.text, real)) return {key, std::stod(value.text)};
  return {key, value.text};
}

}  // namespace

Step::Step(const std::string& line, const Places& places) {
  static const std::regex option("^([a-z0-9_]+)=");
  size_t at = 0;
  verb_ = ReadBare(line, at, ' ');
  while (at < line.size()) {
    if (line[at] != ' ') throw std::runtime_error("expected a space behind a word in: " + line);
    ++at;
    std::smatch match;
    if (std::regex_search(line.begin() + static_cast<std::ptrdiff_t>(at), line.end(), match, option)) {
      at += static_cast<size_t>(match.length());
      options_.push_back(MakeOption(match[1], ReadWord(line, at, places)));
    } else {
      arguments_.push_back(ReadWord(line, at, places));
    }
  }
}

const Word& Step::word(size_t i) const {
  if (i < arguments_.size()) return arguments_[i];
  throw std::runtime_error(verb_ + ": expected more than " + std::to_string(arguments_.size()) + " arguments");
}

int64_t Step::Integer(size_t i) const { return std::stoll(at(i)); }

float Step::Real(size_t i) const { return std::stof(at(i)); }

}  // namespace scenario
