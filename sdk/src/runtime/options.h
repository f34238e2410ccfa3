// Options of the C ABI as values: typed keys, and a set of values for the keys of one kind. The keys themselves are in
// option_keys.h.
#ifndef SKEIN_RUNTIME_OPTIONS_H_
#define SKEIN_RUNTIME_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "skein/options.h"

namespace skein {

// A key whose value is an integer. This is the one home of its default and of its range.
struct IntOption {
  using Value = int64_t;

  const char* name;
  std::optional<int64_t> value;  // the default; none where it depends on other values
  int64_t low;
  int64_t high;
  const char* help;  // one sentence: meaning, unit, range

  // INVALID_ARGUMENT: out of range. The message names the range and what was found.
  absl::Status Check(int64_t found) const;
};

// A key whose value is a real number. An integer is accepted for it.
struct RealOption {
  using Value = double;

  const char* name;
  std::optional<double> value;
  double low;
  double high;
  const char* help;

  // INVALID_ARGUMENT: out of range. NaN is out of every range.
  absl::Status Check(double found) const;
};

// A key whose value is a text.
struct TextOption {
  using Value = std::string;

  const char* name;
  std::optional<absl::string_view> value;
  const char* help;
};

// Any key of a kind, as the C ABI lists it.
class OptionKey {
 public:
  // NOLINTBEGIN(google-explicit-constructor): the table of a kind is the plain list of its keys
  constexpr OptionKey(const IntOption& key) : key_(&key) {}
  constexpr OptionKey(const RealOption& key) : key_(&key) {}
  constexpr OptionKey(const TextOption& key) : key_(&key) {}
  // NOLINTEND(google-explicit-constructor)

  const char* name() const;
  const char* help() const;
  // SKEIN_OPTION_*.
  uint32_t type() const { return static_cast<uint32_t>(key_.index()) + 1; }
  bool has_default() const;
  // For people; "" where the key has no default.
  std::string DefaultText() const;
  // Of numbers; 0 for texts.
  double low() const;
  double high() const;

 private:
  friend class Options;

  // In the order of SKEIN_OPTION_*.
  std::variant<const IntOption*, const RealOption*, const TextOption*> key_;
};

// The keys of a kind (SKEIN_OPTIONS_*); empty for a kind without keys and for an unknown kind.
absl::Span<const OptionKey> OptionKeys(uint32_t kind);
bool IsOptionsKind(uint32_t kind);

// Values for some keys of one kind. A copy costs one allocation and those of the texts in it. Threads: any number may
// read; while one sets, no other may use it.
class Options {
 public:
  explicit Options(uint32_t kind) : kind_(kind) {}

  uint32_t kind() const { return kind_; }

  // Sets the key of that name. INVALID_ARGUMENT: no such key, of another type, or out of range; the message names the
  // keys or the range.
  absl::Status SetInt(absl::string_view name, int64_t value);
  absl::Status SetReal(absl::string_view name, double value);
  absl::Status SetText(absl::string_view name, std::string value);

  // Sets every key that `other`, of the same kind, has set.
  void Assign(const Options& other);

  // The value that was set; nullopt if none was. `key` is one of the kind.
  template <typename Key>
  std::optional<typename Key::Value> Find(const Key& key) const {
    const Value* found = FindValue(key.name);
    if (found == nullptr) return std::nullopt;
    return found->As<typename Key::Value>();
  }

  // The value that was set, else the default of `key`, which has one.
  template <typename Key>
  typename Key::Value operator[](const Key& key) const {
    if (auto found = Find(key)) return *std::move(found);
    return typename Key::Value(key.value.value());
  }

 private:
  // No std::variant: a copy of one that holds a text crashes with libstdc++ 12 if it gets no memory.
  struct Value {
    uint32_t type;  // SKEIN_OPTION_*
    int64_t integer = 0;
    double real = 0;
    std::string text = {};

    template <typename T>
    const T& As() const {
      if constexpr (std::is_same_v<T, int64_t>) return integer;
      if constexpr (std::is_same_v<T, double>) return real;
      if constexpr (std::is_same_v<T, std::string>) return text;
    }
  };

  absl::Status Set(absl::string_view name, Value value);
  void Store(absl::string_view name, Value value);
  const Value* FindValue(absl::string_view name) const;

  uint32_t kind_;
  std::vector<std::pair<absl::string_view, Value>> values_;  // the names are those of the keys, which live for ever
};

}  // namespace skein

#endif  // SKEIN_RUNTIME_OPTIONS_H_
