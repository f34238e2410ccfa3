#include "abi/guard.h"

#include <algorithm>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/forked_child.h"
#include "base/short_text.h"
#include "base/status.h"

namespace skein::abi {
absl::Status CheckProcess() {
  if (!IsForkedChild()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "this process was forked while its parent had a skein runtime, whose threads it lacks; expected a fork before "
      "the "
      "first runtime, or after everything of the last one was released");
}

skein_status Report(const absl::Status& status, skein_error* error) noexcept {
  // A status has no message if there was no memory for one (MakeStatus).
  const bool is_bare = absl::IsResourceExhausted(status) && status.message().empty();
  const skein_status code = Report(static_cast<absl::StatusCode>(status.raw_code()),
                                   is_bare ? absl::string_view("out of memory") : status.message(), error);
  if (error != nullptr) error->retry_after_ms = RetryAfterMs(status);
  return code;
}

skein_status Report(absl::StatusCode code, absl::string_view message, skein_error* error) noexcept {
  const auto number = static_cast<skein_status>(code);
  if (error == nullptr) return number;
  error->code = number;
  error->retry_after_ms = 0;
  error->reserved = 0;
  error->message_bytes = static_cast<uint32_t>(WriteShortText(message, absl::MakeSpan(error->message)));
  return number;
}

absl::Status CheckPointer(const void* pointer, const char* name) {
  if (pointer != nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " is NULL"));
}

absl::Status CheckElementSize(uint32_t found, uint32_t min_bytes, const char* name, const char* type) {
  constexpr uint32_t kAlignment = alignof(uint64_t);
  if (found >= min_bytes && found % kAlignment == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " ", found, "; expected sizeof(", type, "), a multiple of ",
                                                 kAlignment, " that is at least ", min_bytes));
}

absl::StatusOr<BufferUse> CheckBuffer(const void* buffer, uint64_t capacity, uint64_t needed, uint64_t* size,
                                      const char* unit) {
  absl::Status status = CheckPointer(size, "the output size");
  if (!status.ok()) return status;
  *size = needed;
  if (buffer == nullptr) {
    if (capacity == 0) return BufferUse::kSizeOnly;
    return absl::InvalidArgumentError(absl::StrCat("the buffer is NULL with a capacity of ", capacity));
  }
  if (capacity < needed) {
    return absl::OutOfRangeError(absl::StrCat("the buffer holds ", capacity, " ", unit, "; expected ", needed));
  }
  return BufferUse::kWrite;
}

absl::Status CopyToBuffer(absl::string_view bytes, char* buffer, uint64_t capacity, uint64_t* size) {
  const absl::StatusOr<BufferUse> use = CheckBuffer(buffer, capacity, bytes.size(), size, "bytes");
  if (use.ok() && *use == BufferUse::kWrite) std::copy(bytes.begin(), bytes.end(), buffer);
  return use.status();
}

void CopyText(absl::string_view from, absl::Span<char> to) { WriteShortText(from, to); }

}  // namespace skein::abi
