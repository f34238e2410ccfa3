// The flags of the calls that save a snapshot.
#ifndef SKEIN_ABI_SAVE_FLAGS_H_
#define SKEIN_ABI_SAVE_FLAGS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "engine/stream_snapshot.h"
#include "skein/stream.h"

namespace skein::abi {

inline SnapshotPast PastOf(uint32_t flags) {
  return (flags & SKEIN_SAVE_PAST) != 0 ? SnapshotPast::kKnown : SnapshotPast::kNone;
}

// INVALID_ARGUMENT: a flag that is not one of SKEIN_SAVE_*.
inline absl::StatusOr<SaveOptions> UnwrapSaveFlags(uint32_t flags) {
  if ((flags & ~(SKEIN_SAVE_REPLACE | SKEIN_SAVE_PAST)) != 0) {
    return absl::InvalidArgumentError(absl::StrCat("flags ", flags, "; expected a sum of SKEIN_SAVE_*"));
  }
  return SaveOptions{(flags & SKEIN_SAVE_REPLACE) != 0 ? IfExists::kReplace : IfExists::kFail, PastOf(flags)};
}

// The same for a snapshot in memory, which replaces nothing.
inline absl::StatusOr<SnapshotPast> UnwrapSnapshotFlags(uint32_t flags) {
  if ((flags & ~SKEIN_SAVE_PAST) == 0) return PastOf(flags);
  return absl::InvalidArgumentError(absl::StrCat("flags ", flags, "; expected 0 or SKEIN_SAVE_PAST"));
}

}  // namespace skein::abi

#endif  // SKEIN_ABI_SAVE_FLAGS_H_
