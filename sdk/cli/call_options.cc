#include "call_options.h"

#include <cstdint>
#include <string>

namespace skein::cli {

skein::Option GivenOption(const Arguments& arguments, const char* option, const char* key) {
  switch (arguments.TypeOf(option)) {
    case Takes::kText:
      return {key, *arguments.Text(option)};
    case Takes::kInteger:
    case Takes::kCount:
      return {key, *arguments.Integer(option)};
    case Takes::kReal:
      return {key, *arguments.Real(option)};
    case Takes::kNothing:
      break;
  }
  return {key, 1};
}

skein::Option GivenLines(const Arguments& arguments, const char* option, const char* key) {
  std::string lines;
  for (const std::string& value : arguments.Texts(option)) lines += value + "\n";
  return {key, lines};
}

void ThrowForOption(const Arguments& arguments, const char* option, const Error& failure) {
  if (failure.code() != SKEIN_INVALID_ARGUMENT) throw failure;
  throw UsageError(std::string(arguments.command().name) + ": --" + option + ": " + failure.what());
}

}  // namespace skein::cli
