// An options argument of an entry point, which may be NULL.
#ifndef SKEIN_ABI_OPTION_ARGUMENT_H_
#define SKEIN_ABI_OPTION_ARGUMENT_H_

#include <memory>

#include "abi/handle.h"

namespace skein::abi {

// Options without values for NULL. INVALID_HANDLE; INVALID_ARGUMENT: of another kind than `kind`.
inline absl::StatusOr<std::shared_ptr<const Options>> UnwrapOptions(skein_options options, uint32_t kind) {
  if (options == nullptr) return std::make_shared<const Options>(kind);
  SKEIN_ASSIGN_OR_RETURN(const std::shared_ptr<const Options> object, Unwrap(options));
  if (object->kind() != kind) {
    return absl::InvalidArgumentError(
        absl::StrCat("options: made for kind ", object->kind(), "; expected kind ", kind));
  }
  return object;
}

}  // namespace skein::abi

#endif  // SKEIN_ABI_OPTION_ARGUMENT_H_
