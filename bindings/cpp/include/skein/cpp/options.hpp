// Options: named values for one kind of call, written as {{"device", "cpu"}, {"max_streams", 64}}. The headers of the C
// ABI list the keys of each kind.
#ifndef SKEIN_CPP_OPTIONS_HPP_
#define SKEIN_CPP_OPTIONS_HPP_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "skein/cpp/call.hpp"
#include "skein/cpp/namespace.hpp"
#include "skein/cpp/owned.hpp"
#include "skein/options.h"

SKEIN_CPP_BEGIN

// A key and its value: an integer, a real number or a text.
class Option {
 public:
  template <typename Number, typename = std::enable_if_t<std::is_arithmetic_v<Number>>>
  Option(std::string key, Number value) : key_(std::move(key)) {
    if constexpr (std::is_floating_point_v<Number>) {
      value_ = static_cast<double>(value);
    } else {
      value_ = static_cast<int64_t>(value);
    }
  }
  Option(std::string key, std::string_view value) : key_(std::move(key)), value_(std::string(value)) {}
  Option(std::string key, const char* value) : Option(std::move(key), std::string_view(value)) {}
  Option(std::string key, const std::string& value) : Option(std::move(key), std::string_view(value)) {}

  void ApplyTo(skein_options options) const {
    const char* key = Terminated(key_);
    if (const auto* integer = std::get_if<int64_t>(&value_)) {
      Call(skein_options_set_i64, options, key, *integer);
    } else if (const auto* real = std::get_if<double>(&value_)) {
      Call(skein_options_set_f64, options, key, *real);
    } else {
      Call(skein_options_set_str, options, key, Terminated(std::get<std::string>(value_)));
    }
  }

 private:
  std::string key_;
  std::variant<int64_t, double, std::string> value_;
};

// Options of one kind. Without any there is no object of the library: get() is nullptr. A key that the kind does not
// have, a value of another type and one out of range throw Error when they are set.
template <uint32_t kKind>
class OptionsOf {
 public:
  OptionsOf() = default;
  OptionsOf(std::initializer_list<Option> list) {
    for (const Option& option : list) Set(option);
  }
  explicit OptionsOf(const std::vector<Option>& list) {
    for (const Option& option : list) Set(option);
  }

  void Set(const Option& option) {
    if (!options_) Call(skein_options_create, kKind, options_.out());
    option.ApplyTo(options_.get());
  }
  template <typename Value>
  void Set(std::string key, Value&& value) {
    Set(Option(std::move(key), std::forward<Value>(value)));
  }

  skein_options get() const noexcept { return options_.get(); }

 private:
  Owned<skein_options, skein_options_release> options_;
};

using RuntimeOptions = OptionsOf<SKEIN_OPTIONS_RUNTIME>;
using ModelOptions = OptionsOf<SKEIN_OPTIONS_MODEL>;
using ConvertOptions = OptionsOf<SKEIN_OPTIONS_CONVERT>;
using DescribeOptions = OptionsOf<SKEIN_OPTIONS_DESCRIBE>;
using TokenizerOptions = OptionsOf<SKEIN_OPTIONS_TOKENIZER>;
using StreamOptions = OptionsOf<SKEIN_OPTIONS_STREAM>;
using QueueOptions = OptionsOf<SKEIN_OPTIONS_QUEUE>;
using RequestOptions = OptionsOf<SKEIN_OPTIONS_REQUEST>;
using ChatOptions = OptionsOf<SKEIN_OPTIONS_CHAT>;
using TenantOptions = OptionsOf<SKEIN_OPTIONS_TENANT>;

// The keys of a kind (SKEIN_OPTIONS_*), with types, defaults and ranges.
inline std::vector<skein_option_info> OptionKeys(uint32_t kind) {
  uint32_t count = 0;
  Call(skein_options_key_count, kind, &count);
  std::vector<skein_option_info> keys(count, Sized<skein_option_info>());
  for (uint32_t i = 0; i < count; ++i) Call(skein_options_key_info, kind, i, &keys[i]);
  return keys;
}

SKEIN_CPP_END

#endif  // SKEIN_CPP_OPTIONS_HPP_
