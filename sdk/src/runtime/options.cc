#include "runtime/options.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace skein {
namespace {

template <typename Number>
absl::Status CheckRange(const char* name, Number found, Number low, Number high) {
  // Written so that NaN is out of every range.
  if (found >= low && found <= high) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("option ", name, ": found ", found, "; expected ", low, " to ", high));
}

const char* TypeName(uint32_t type) {
  return type == SKEIN_OPTION_I64 ? "an integer" : type == SKEIN_OPTION_F64 ? "a real number" : "a text";
}

}  // namespace

absl::Status IntOption::Check(int64_t found) const { return CheckRange(name, found, low, high); }
absl::Status RealOption::Check(double found) const { return CheckRange(name, found, low, high); }

const char* OptionKey::name() const {
  return std::visit([](const auto* key) { return key->name; }, key_);
}

const char* OptionKey::help() const {
  return std::visit([](const auto* key) { return key->help; }, key_);
}

bool OptionKey::has_default() const {
  return std::visit([](const auto* key) { return key->value.has_value(); }, key_);
}

std::string OptionKey::DefaultText() const {
  return std::visit([](const auto* key) { return key->value.has_value() ? absl::StrCat(*key->value) : ""; }, key_);
}

double OptionKey::low() const {
  if (const auto* key = std::get_if<const IntOption*>(&key_)) return static_cast<double>((*key)->low);
  if (const auto* key = std::get_if<const RealOption*>(&key_)) return (*key)->low;
  return 0;
}

double OptionKey::high() const {
  if (const auto* key = std::get_if<const IntOption*>(&key_)) return static_cast<double>((*key)->high);
  if (const auto* key = std::get_if<const RealOption*>(&key_)) return (*key)->high;
  return 0;
}

bool IsOptionsKind(uint32_t kind) { return kind >= SKEIN_OPTIONS_RUNTIME && kind <= SKEIN_OPTIONS_TENANT; }

absl::Status Options::SetInt(absl::string_view name, int64_t value) {
  return Set(name, {.type = SKEIN_OPTION_I64, .integer = value});
}

absl::Status Options::SetReal(absl::string_view name, double value) {
  return Set(name, {.type = SKEIN_OPTION_F64, .real = value});
}

absl::Status Options::SetText(absl::string_view name, std::string value) {
  return Set(name, {.type = SKEIN_OPTION_STR, .text = std::move(value)});
}

absl::Status Options::Set(absl::string_view name, Value value) {
  const absl::Span<const OptionKey> keys = OptionKeys(kind_);
  const auto found =
      std::find_if(keys.begin(), keys.end(), [name](const OptionKey& key) { return name == key.name(); });
  if (found == keys.end()) {
    std::string known;
    for (const OptionKey& key : keys) absl::StrAppend(&known, known.empty() ? "" : ", ", key.name());
    return absl::InvalidArgumentError(absl::StrCat("option \"", name, "\": no such key; expected ",
                                                   known.empty() ? "none: this kind has no keys" : known));
  }
  if (found->type() == SKEIN_OPTION_F64 && value.type == SKEIN_OPTION_I64) {
    value = {.type = SKEIN_OPTION_F64, .real = static_cast<double>(value.integer)};
  }
  if (value.type != found->type()) {
    return absl::InvalidArgumentError(
        absl::StrCat("option ", name, ": found ", TypeName(value.type), "; expected ", TypeName(found->type())));
  }
  absl::Status status;
  if (const auto* key = std::get_if<const IntOption*>(&found->key_)) status = (*key)->Check(value.integer);
  if (const auto* key = std::get_if<const RealOption*>(&found->key_)) status = (*key)->Check(value.real);
  if (status.ok()) Store(found->name(), std::move(value));
  return status;
}

void Options::Store(absl::string_view name, Value value) {
  for (auto& [known, old] : values_) {
    if (known == name) {
      old = std::move(value);
      return;
    }
  }
  values_.emplace_back(name, std::move(value));
}

void Options::Assign(const Options& other) {
  for (const auto& [name, value] : other.values_) Store(name, value);
}

const Options::Value* Options::FindValue(absl::string_view name) const {
  for (const auto& [known, value] : values_) {
    if (known == name) return &value;
  }
  return nullptr;
}

}  // namespace skein
