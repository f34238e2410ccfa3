// Options of one call of the library, filled from the command line.
#ifndef SKEIN_CLI_CALL_OPTIONS_H_
#define SKEIN_CLI_CALL_OPTIONS_H_

#include <cstdint>
#include <string>

#include "arguments.h"
#include "failure.h"

namespace skein::cli {

class CallOptions {
 public:
  // `kind` is one of SKEIN_OPTIONS_*.
  explicit CallOptions(uint32_t kind) { Call(skein_options_create, kind, options_.out()); }

  // Sets `key` to the value of --`option` if that was given; a flag sets 1. Throws UsageError if the library refuses
  // the value, since the command line is wrong then.
  void Pass(const Arguments& arguments, const char* option, const char* key);

  // The same for a repeatable option of text: all its values, one a line.
  void PassLines(const Arguments& arguments, const char* option, const char* key);

  // Throws Error.
  void Set(const char* key, int64_t value) { Call(skein_options_set_i64, get(), key, value); }
  void Set(const char* key, const std::string& value) { Call(skein_options_set_str, get(), key, value.c_str()); }

  skein_options get() const { return options_.get(); }

 private:
  // Runs `action`. If the library refuses it, the value of --`option` is wrong: throws UsageError.
  template <typename Action>
  void Try(const Arguments& arguments, const char* option, Action action);

  Owned<skein_options, skein_options_release> options_;
};

}  // namespace skein::cli

#endif  // SKEIN_CLI_CALL_OPTIONS_H_
