// Options of one call of the library, filled from the command line.
#ifndef SKEIN_CLI_CALL_OPTIONS_H_
#define SKEIN_CLI_CALL_OPTIONS_H_

#include "arguments.h"
#include "failure.h"

namespace skein::cli {

// The value of --`option`, which was given, under the name `key` of the library. A flag is 1. A repeatable option of
// text is all its values, one a line.
skein::Option GivenOption(const Arguments& arguments, const char* option, const char* key);
skein::Option GivenLines(const Arguments& arguments, const char* option, const char* key);

// Throws what follows from `failure`, with which the library answered the value of --`option`: UsageError if it refused
// the value, since the command line is wrong then.
[[noreturn]] void ThrowForOption(const Arguments& arguments, const char* option, const Error& failure);

// `Options` is one of skein.hpp, such as ModelOptions.
template <typename Options>
class CallOptions : public Options {
 public:
  // Sets `key` to the value of --`option` if that was given; a flag sets 1. Throws UsageError if the library refuses
  // the value.
  void Pass(const Arguments& arguments, const char* option, const char* key) {
    if (arguments.Has(option)) SetOrThrow(arguments, option, GivenOption(arguments, option, key));
  }

  // The same for a repeatable option of text: all its values, one a line.
  void PassLines(const Arguments& arguments, const char* option, const char* key) {
    if (arguments.Has(option)) SetOrThrow(arguments, option, GivenLines(arguments, option, key));
  }

 private:
  void SetOrThrow(const Arguments& arguments, const char* option, const skein::Option& value) {
    try {
      this->Set(value);
    } catch (const Error& failure) {
      ThrowForOption(arguments, option, failure);
    }
  }
};

}  // namespace skein::cli

#endif  // SKEIN_CLI_CALL_OPTIONS_H_
