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

std::string Joined(std::span<const std::string_view> names) {
  std::string joined;
  for (const std::string_view name : names) joined.append(joined.empty() ? "" : ", ").append(name);
  return joined;
}

// The names between commas; empty ones are none.
std::vector<std::string> Split(std::string_view list) {
  std::vector<std::string> names;
  while (!list.empty()) {
    const size_t length = std::min(list.find(','), list.size());
    if (length > 0) names.emplace_back(list.substr(0, length));
    list.remove_prefix(std::min(length + 1, list.size()));
  }
  return names;
}

}  // namespace

NamedChoice::NamedChoice(const char* variable) : variable_(variable), value_(ValueOf(variable)) {}

std::optional<size_t> NamedChoice::IndexIn(std::span<const std::string_view> names) const {
  const auto found = std::find(names.begin(), names.end(), value_);
  if (found == names.end()) return std::nullopt;
  return static_cast<size_t>(found - names.begin());
}

std::string NamedChoice::WarningOf(std::span<const std::string_view> names) const {
  return std::string(variable_) + ": expected one of " + Joined(names) + ", found \"" + Printable(value_) +
         "\", which is ignored";
}

NamedChoices::NamedChoices(const char* variable) : variable_(variable), values_(Split(ValueOf(variable))) {}

bool NamedChoices::Has(std::string_view name) const {
  return std::find(values_.begin(), values_.end(), name) != values_.end();
}

std::string NamedChoices::WarningOf(std::span<const std::string_view> names) const {
  std::string unknown;
  for (const std::string& value : values_) {
    if (std::find(names.begin(), names.end(), value) != names.end()) continue;
    unknown.append(unknown.empty() ? "" : ",").append(value);
  }
  if (unknown.empty()) return "";
  return std::string(variable_) + ": expected names of " + Joined(names) + " with commas between them, found \"" +
         Printable(unknown) + "\", which is ignored";
}

}  // namespace skein::kit
