#include "call_options.h"

namespace skein::cli {

void CallOptions::Pass(const Arguments& arguments, const char* option, const char* key) {
  if (!arguments.Has(option)) return;
  try {
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
  } catch (const Failure& failure) {
    if (failure.code() != SKEIN_INVALID_ARGUMENT) throw;
    throw UsageError(std::string(arguments.command().name) + ": --" + option + ": " + failure.what());
  }
}

}  // namespace skein::cli
