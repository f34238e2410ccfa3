// skein/options.h.
#include "skein/options.h"

#include <memory>

#include "abi/guard.h"
#include "abi/handle.h"

namespace skein::abi {
namespace {

absl::Status CheckKind(uint32_t kind) {
  if (IsOptionsKind(kind)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("options: kind ", kind, "; expected 1 to 10, a SKEIN_OPTIONS_*"));
}

}  // namespace

extern "C" {

SKEIN_API skein_status skein_options_create(uint32_t kind, skein_options* options, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_RETURN_IF_ERROR(CheckPointer(options, "options"));
    *options = nullptr;
    SKEIN_RETURN_IF_ERROR(CheckKind(kind));
    SKEIN_ASSIGN_OR_RETURN(*options, Wrap<skein_options>(std::make_shared<Options>(kind)));
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_options_set_i64(skein_options options, const char* key, int64_t value,
                                             skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(options));
    SKEIN_RETURN_IF_ERROR(CheckPointer(key, "key"));
    return object->SetInt(key, value);
  });
}

SKEIN_API skein_status skein_options_set_f64(skein_options options, const char* key, double value, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(options));
    SKEIN_RETURN_IF_ERROR(CheckPointer(key, "key"));
    return object->SetReal(key, value);
  });
}

SKEIN_API skein_status skein_options_set_str(skein_options options, const char* key, const char* value,
                                             skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(options));
    SKEIN_RETURN_IF_ERROR(CheckPointer(key, "key"));
    SKEIN_RETURN_IF_ERROR(CheckPointer(value, "value"));
    return object->SetText(key, value);
  });
}

SKEIN_API skein_status skein_options_release(skein_options options, skein_error* error) {
  return Guard(error, [&] { return Release(options).status(); });
}

SKEIN_API skein_status skein_options_key_count(uint32_t kind, uint32_t* count, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_RETURN_IF_ERROR(CheckPointer(count, "count"));
    SKEIN_RETURN_IF_ERROR(CheckKind(kind));
    *count = static_cast<uint32_t>(OptionKeys(kind).size());
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_options_key_info(uint32_t kind, uint32_t index, skein_option_info* info,
                                              skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_RETURN_IF_ERROR(CheckKind(kind));
    const absl::Span<const OptionKey> keys = OptionKeys(kind);
    if (index >= keys.size()) {
      return absl::OutOfRangeError(absl::StrCat("options: key ", index, "; there are ", keys.size()));
    }
    skein_option_info filled = {};
    filled.type = keys[index].type();
    CopyText(keys[index].name(), absl::MakeSpan(filled.key));
    CopyText(keys[index].DefaultText(), absl::MakeSpan(filled.default_value));
    CopyText(keys[index].help(), absl::MakeSpan(filled.help));
    filled.min_value = keys[index].low();
    filled.max_value = keys[index].high();
    return FillStruct(filled, info);
  });
}

}  // extern "C"

}  // namespace skein::abi
