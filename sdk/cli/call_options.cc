#include "call_options.h"

namespace skein::cli {

template <typename Action>
void CallOptions::Try(const Arguments& arguments, const char* option, Action action) {
  try {
    action();
  } catch (const Error& failure) {
    if (failure.code() != SKEIN_INVALID_ARGUMENT) throw;
    throw UsageError(std::string(arguments.command().name) + ": --" + option + ": " + failure.what());
  }
}

void CallOptions::Pass(const Arguments& arguments, const char* option, const char* key) {
  if (!arguments.Has(option)) return;
  Try(arguments, option, [&] {
    switch (arguments.TypeOf(option)) {
      case Takes::kNothing:
        Set(key, int64_t{1});
        break;
      case Takes::kText:
        Set(key, *arguments.Text(option));
        break;
      case Takes::kInteger:
      case Takes::kCount:
        Set(key, *arguments.Integer(option));
        break;
      case Takes::kReal:
        Call(skein_options_set_f64, get(), key, *arguments.Real(option));
        break;
    }
  });
}

void CallOptions::PassLines(const Arguments& arguments, const char* option, const char* key) {
  std::string lines;
  for (const std::string& value : arguments.Texts(option)) lines += value + "\n";
  if (!lines.empty()) Try(arguments, option, [&] { Set(key, lines); });
}

}  // namespace skein::cli
