#include "files/facts.h"

#include <charconv>
#include <system_error>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "base/utf8.h"
#include "nlohmann/json.hpp"

namespace skein {
namespace {

// --- JSON ---

constexpr size_t kIndent = 2;

// Scalars are nlohmann-json's, which knows how to write texts and numbers.
template <typename Scalar>
std::string ScalarAsJson(const Scalar& scalar) {
  return nlohmann::json(scalar).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void AppendJson(const FactValue& value, size_t depth, std::string* out);

// Appends the members of an object or a list, indented. `begin` gives the text in front of a member's value.
template <typename Members, typename Begin>
void AppendMembers(const char* brackets, const Members& members, Begin begin, size_t depth, std::string* out) {
  out->push_back(brackets[0]);
  const char* separator = "\n";
  for (const auto& member : members) {
    out->append(separator).append((depth + 1) * kIndent, ' ').append(begin(member));
    if constexpr (std::is_same_v<Members, Facts>) {
      AppendJson(member.value, depth + 1, out);
    } else {
      AppendJson(member, depth + 1, out);
    }
    separator = ",\n";
  }
  if (!members.empty()) out->append("\n").append(depth * kIndent, ' ');
  out->push_back(brackets[1]);
}

void AppendJson(const FactValue& value, size_t depth, std::string* out) {
  switch (value.kind) {
    case FactValue::Kind::kNothing:
      out->append("null");
      break;
    case FactValue::Kind::kYesOrNo:
      out->append(ScalarAsJson(value.integer != 0));
      break;
    case FactValue::Kind::kInteger:
      out->append(ScalarAsJson(value.integer));
      break;
    case FactValue::Kind::kReal:
      out->append(ScalarAsJson(value.real));
      break;
    case FactValue::Kind::kText:
      out->append(ScalarAsJson(value.text));
      break;
    case FactValue::Kind::kFacts:
      AppendMembers(
          "{}", value.facts, [](const Fact& fact) { return ScalarAsJson(fact.name) + ": "; }, depth, out);
      break;
    case FactValue::Kind::kList:
      AppendMembers(
          "[]", value.list, [](const FactValue&) { return ""; }, depth, out);
      break;
  }
}

// --- text ---

template <typename Members, typename Text>
std::string Joined(const Members& members, Text text) {
  std::string joined;
  for (const auto& member : members) absl::StrAppend(&joined, joined.empty() ? "" : ", ", text(member));
  return joined;
}

void AppendLines(const Facts& facts, std::string* out) {
  for (const Fact& fact : facts) {
    if (fact.label.empty()) {
      AppendLines(fact.value.facts, out);
      continue;
    }
    const std::string text = fact.text ? *fact.text : ValueAsText(fact.value);
    if (!text.empty()) absl::StrAppend(out, "  ", Padded(fact.label, 16), " ", text, "\n");
  }
}

}  // namespace

double ShortestReal(float number) {
  char digits[32];  // a float's shortest form has 15 characters at most
  const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), number);
  double real = number;
  if (error == std::errc()) std::from_chars(digits, end, real);
  return real;
}

std::string FactsAsJson(const Facts& facts) {
  std::string json;
  AppendJson(facts, 0, &json);
  json.push_back('\n');
  return json;
}

std::string FactsAsText(absl::string_view title, const Facts& facts) {
  std::string text = absl::StrCat(EscapeText(title), "\n");
  AppendLines(facts, &text);
  return text;
}

std::string ValueAsText(const FactValue& value) {
  switch (value.kind) {
    case FactValue::Kind::kNothing:
      return "";
    case FactValue::Kind::kYesOrNo:
      return value.integer != 0 ? "yes" : "no";
    case FactValue::Kind::kInteger:
      return absl::StrCat(value.integer);
    case FactValue::Kind::kReal:
      return absl::StrCat(value.real);
    case FactValue::Kind::kText:
      return EscapeText(value.text);
    case FactValue::Kind::kFacts:
      return Joined(value.facts,
                    [](const Fact& fact) { return absl::StrCat(fact.name, " ", ValueAsText(fact.value)); });
    case FactValue::Kind::kList:
      return Joined(value.list, ValueAsText);
  }
  return "";
}

std::string Padded(absl::string_view text, size_t width) {
  std::string padded(text);
  if (padded.size() < width) padded.resize(width, ' ');
  return padded;
}

}  // namespace skein
