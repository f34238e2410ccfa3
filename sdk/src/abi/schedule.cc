// skein/schedule.h.
#include "skein/schedule.h"

#include "abi/guard.h"
#include "abi/handle.h"
#include "abi/option_argument.h"
#include "serving/load.h"

namespace skein::abi {

extern "C" {

SKEIN_API skein_status skein_model_set_tenant(skein_model model, const char* name, skein_options options,
                                              skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(model));
    SKEIN_RETURN_IF_ERROR(CheckPointer(name, "name"));
    SKEIN_ASSIGN_OR_RETURN(const auto values, UnwrapOptions(options, SKEIN_OPTIONS_TENANT));
    return SetTenant(*object, name, options == nullptr ? nullptr : values.get());
  });
}

SKEIN_API skein_status skein_model_get_load(skein_model model, const char* name, skein_load* load, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(model));
    SKEIN_ASSIGN_OR_RETURN(const skein_load filled, LoadOf(*object, name));
    return FillStruct(filled, load);
  });
}

}  // extern "C"

}  // namespace skein::abi
