// A choice that the user makes by an environment variable, as one or more of several names. A name that is not among
// them is ignored, with a line for the log.
#ifndef SKEIN_BACKENDS_KIT_NAMED_CHOICE_H_
#define SKEIN_BACKENDS_KIT_NAMED_CHOICE_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace skein::kit {

class NamedChoice {
 public:
  // Reads the variable. A program that runs with more rights than its caller does not read the caller's environment.
  explicit NamedChoice(const char* variable);

  // An empty value is none.
  bool is_set() const { return !value_.empty(); }
  // The place of the value among `names`; nullopt if it is not there.
  std::optional<size_t> IndexIn(std::span<const std::string_view> names) const;
  // One line that names the variable, the names that are known, and what was found.
  std::string WarningOf(std::span<const std::string_view> names) const;

 private:
  const char* const variable_;
  const std::string value_;
};

// Any number of names, with commas between them.
class NamedChoices {
 public:
  // Reads the variable, as NamedChoice does.
  explicit NamedChoices(const char* variable);

  bool Has(std::string_view name) const;
  // One line that names the variable, the names that are known, and those that were found beside them; "" if there are
  // none.
  std::string WarningOf(std::span<const std::string_view> names) const;

 private:
  const char* const variable_;
  const std::vector<std::string> values_;
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_KIT_NAMED_CHOICE_H_
