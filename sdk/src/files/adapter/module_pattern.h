// Numbers that the settings of an adapter give for some modules alone, by patterns of their names: PEFT's rank_pattern
// and alpha_pattern.
#ifndef SKEIN_FILES_ADAPTER_MODULE_PATTERN_H_
#define SKEIN_FILES_ADAPTER_MODULE_PATTERN_H_

#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace skein {

struct ModulePattern {
  std::string text;  // a regular expression of Python
  double value = 0;
  std::optional<std::regex> expression = {};  // of `text`, unless it is a mere name
};

// INVALID_ARGUMENT: `text` is no regular expression, or one that is longer or more powerful than patterns of names
// need.
absl::StatusOr<ModulePattern> MakeModulePattern(std::string text, double value);

// The value of the first pattern that fits; nullopt: none does. A pattern fits a module if it describes the end of its
// name, from the beginning or behind a '.'.
std::optional<double> FindPattern(absl::Span<const ModulePattern> patterns, const std::string& module);

}  // namespace skein

#endif  // SKEIN_FILES_ADAPTER_MODULE_PATTERN_H_
