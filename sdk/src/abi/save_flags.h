// The flags of the calls that save a snapshot.
#ifndef SKEIN_ABI_SAVE_FLAGS_H_
#define SKEIN_ABI_SAVE_FLAGS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "engine/stream_snapshot.h"
#include "skein/stream.h"

namespace skein::abi {

// INVALID_ARGUMENT: a flag that is not one of SKEIN_SAVE_*.
inline absl::StatusOr<SaveOptions> UnwrapSaveFlags(uint32_t flags) {
  if ((flags & ~(SKEIN_SAVE_REPLACE | SKEIN_SAVE_PAST)) != 0) {
    return absl::InvalidArgumentError(absl::StrCat("flags ", flags, "; expected a sum of SKEIN_SAVE_*"));
  }
  return SaveOptions{(flags & SKEIN_SAVE_REPLACE) != 0 ? IfExists::kReplace : IfExists::kFail,
                     (flags & SKEIN_SAVE_PAST) != 0};
}

}  // namespace skein::abi

#endif  // SKEIN_ABI_SAVE_FLAGS_H_
