#include "kit/named_choice.h"

#include <algorithm>
#include <cstdlib>

namespace skein::kit {
namespace {

std::string ValueOf(const char* variable) {
  const char* value = secure_getenv(variable);
  return value == nullptr ? "" : value;
}

// A value of any bytes and length, for a line of the log.
std::string Printable(const std::string& value) {
  constexpr size_t kMostBytes = 64;
  std::string text = value.substr(0, kMostBytes);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return value.size() > kMostBytes ? text + "..." : text;
}

}  // namespace

NamedChoice::NamedChoice(const char* variable) : variable_(variable), value_(ValueOf(variable)) {}

std::optional<size_t> NamedChoice::IndexIn(std::span<const std::string_view> names) const {
  const auto found = std::find(names.begin(), names.end(), value_);
  if (found == names.end()) return std::nullopt;
  return static_cast<size_t>(found - names.begin());
}

std::string NamedChoice::WarningOf(std::span<const std::string_view> names) const {
  std::string known;
  for (const std::string_view name : names) known.append(known.empty() ? "" : ", ").append(name);
  return std::string(variable_) + ": expected one of " + known + ", found \"" + Printable(value_) +
         "\", which is ignored";
}

}  // namespace skein::kit
