// Failures: as exceptions, or as values where a caller wants them so.
#ifndef SKEIN_CPP_ERROR_HPP_
#define SKEIN_CPP_ERROR_HPP_

#include <cstdint>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "skein/cpp/namespace.hpp"
#include "skein/status.h"

SKEIN_CPP_BEGIN

// Why a call failed. what() is the message: what was expected, what was found and where.
class Error : public std::runtime_error {
 public:
  Error(skein_status code, const std::string& message, uint32_t retry_after_ms = 0)
      : std::runtime_error(message), code_(code), retry_after_ms_(retry_after_ms) {}
  explicit Error(const skein_error& error)
      : Error(error.code, error.message_bytes > 0 ? error.message : skein_status_name(error.code),
              error.retry_after_ms) {}

  // One of SKEIN_* of status.h, such as SKEIN_NOT_FOUND.
  skein_status code() const noexcept { return code_; }
  // "NOT_FOUND" and so on. Lives for ever.
  const char* code_name() const noexcept { return skein_status_name(code_); }
  // With SKEIN_RESOURCE_EXHAUSTED: when trying again makes sense; 0 where unknown.
  uint32_t retry_after_ms() const noexcept { return retry_after_ms_; }

 private:
  skein_status code_;
  uint32_t retry_after_ms_;
};

// A value, or why there is none. `Result<void>` has no value.
template <typename T>
class Result {
 public:
  using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

  Result(Value value) : content_(std::move(value)) {}
  Result(Error error) : content_(std::move(error)) {}

  bool ok() const noexcept { return content_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }
  // Throws the error if there is no value.
  Value& value() & {
    if (!ok()) throw error();
    return std::get<0>(content_);
  }
  Value&& value() && { return std::move(value()); }
  // There has to be one.
  const Error& error() const { return std::get<1>(content_); }

 private:
  std::variant<Value, Error> content_;
};

// Calls `function`, and gives what it returned, or the Error that it threw:
//   skein::Result<skein::Model> model = skein::Try([&] { return skein::Model(runtime, path); });
template <typename Function>
auto Try(Function&& function) -> Result<std::invoke_result_t<Function>> {
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<Function>>) {
      std::forward<Function>(function)();
      return std::monostate();
    } else {
      return std::forward<Function>(function)();
    }
  } catch (const Error& error) {
    return error;
  }
}

SKEIN_CPP_END

#endif  // SKEIN_CPP_ERROR_HPP_
