// Options of the C ABI: the keys of every kind with type, range and default, and a set of values that keeps to them.
#ifndef SKEIN_RUNTIME_OPTIONS_H_
#define SKEIN_RUNTIME_OPTIONS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "skein/options.h"

namespace skein {

// One key of a kind.
struct OptionKey {
  const char* name;
  uint32_t type;              // SKEIN_OPTION_*
  const char* default_value;  // for people; "" where it depends
  const char* help;
  double min_value;  // of numbers
  double max_value;
};

// The keys of a kind (SKEIN_OPTIONS_*); empty for a kind without keys and for no kind.
absl::Span<const OptionKey> OptionKeys(uint32_t kind);
bool IsOptionsKind(uint32_t kind);

// Values for some keys of one kind. Threads: reading is free; setting is for one thread.
class Options {
 public:
  explicit Options(uint32_t kind) : kind_(kind) {}

  uint32_t kind() const { return kind_; }

  // INVALID_ARGUMENT: no such key, of another type, or out of range; the message says what there is.
  absl::Status SetInt(const std::string& key, int64_t value);
  absl::Status SetReal(const std::string& key, double value);
  absl::Status SetText(const std::string& key, std::string value);

  // Sets every key that `other`, of the same kind, has set.
  void Assign(const Options& other);

  // What was set. `key` is of the kind and the type.
  std::optional<int64_t> Int(const std::string& key) const;
  std::optional<double> Real(const std::string& key) const;
  std::optional<std::string> Text(const std::string& key) const;

 private:
  using Value = std::variant<int64_t, double, std::string>;
  absl::Status Set(const std::string& key, Value value);

  uint32_t kind_;
  std::map<std::string, Value> values_;
};

}  // namespace skein

#endif  // SKEIN_RUNTIME_OPTIONS_H_
