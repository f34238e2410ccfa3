#include "base/status.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/types/optional.h"

namespace skein {
namespace {

// The payload's value is a decimal number, short enough for a Cord to hold it without an allocation.
constexpr absl::string_view kRetryAfter = "skein/retry_after_ms";

}  // namespace

absl::Status WithRetryAfter(absl::Status status, uint32_t milliseconds) {
  if (!status.ok()) status.SetPayload(kRetryAfter, absl::Cord(absl::StrCat(milliseconds)));
  return status;
}

uint32_t RetryAfterMs(const absl::Status& status) {
  uint32_t milliseconds = 0;
  status.ForEachPayload([&milliseconds](absl::string_view type, const absl::Cord& value) {
    if (type != kRetryAfter) return;
    const absl::optional<absl::string_view> digits = value.TryFlat();
    if (!digits.has_value() || !absl::SimpleAtoi(*digits, &milliseconds)) milliseconds = 0;
  });
  return milliseconds;
}

absl::Status Annotate(const absl::Status& status, absl::string_view where) {
  if (status.ok() || absl::StrContains(status.message(), absl::StrCat(where, ": "))) return status;
  absl::Status annotated(static_cast<absl::StatusCode>(status.raw_code()), absl::StrCat(where, ": ", status.message()));
  status.ForEachPayload(
      [&annotated](absl::string_view type, const absl::Cord& value) { annotated.SetPayload(type, value); });
  return annotated;
}

}  // namespace skein
