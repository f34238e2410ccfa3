#include "files/adapter/module_pattern.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace skein {
namespace {

// Patterns are a stranger's. With these limits, and in time that is polynomial, none takes long or much stack. Looking
// ahead would take time that grows with each level.
constexpr size_t kMaxPatternBytes = 256;
constexpr size_t kMaxModuleBytes = 512;
constexpr auto kSyntax = std::regex::ECMAScript | std::regex_constants::__polynomial;

// A '.' stands for any character, as in the regular expression that a name is taken for.
bool IsName(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  });
}

bool EndsWithName(absl::string_view module, absl::string_view name) {
  if (name.size() > module.size()) return false;
  const absl::string_view end = module.substr(module.size() - name.size());
  const bool is_whole = end.size() == module.size() || module[module.size() - end.size() - 1] == '.';
  return is_whole &&
         std::equal(name.begin(), name.end(), end.begin(), [](char a, char b) { return a == '.' || a == b; });
}

bool Fits(const ModulePattern& pattern, const std::string& module) {
  if (!pattern.expression) return EndsWithName(module, pattern.text);
  return module.size() <= kMaxModuleBytes && std::regex_match(module, *pattern.expression);
}

}  // namespace

absl::StatusOr<ModulePattern> MakeModulePattern(std::string text, double value) {
  ModulePattern pattern = {std::move(text), value};
  if (IsName(pattern.text)) return pattern;
  const bool has_costs = absl::StrContains(pattern.text, "{") || absl::StrContains(pattern.text, "(?");
  if (pattern.text.size() > kMaxPatternBytes || has_costs) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected a regular expression of at most ", kMaxPatternBytes, " bytes without \"{\" and \"(?\""));
  }
  try {
    pattern.expression.emplace(absl::StrCat("(.*\\.)?(", pattern.text, ")"), kSyntax);
  } catch (const std::regex_error& error) {
    return absl::InvalidArgumentError(absl::StrCat("expected a regular expression: ", error.what()));
  }
  return pattern;
}

std::optional<double> FindPattern(absl::Span<const ModulePattern> patterns, const std::string& module) {
  const auto found =
      std::find_if(patterns.begin(), patterns.end(), [&](const ModulePattern& p) { return Fits(p, module); });
  return found == patterns.end() ? std::nullopt : std::optional<double>(found->value);
}

}  // namespace skein
