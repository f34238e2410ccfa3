// absl::Status inside libskein: early return, a place in front of a message, and when to try again.
#ifndef SKEIN_BASE_STATUS_H_
#define SKEIN_BASE_STATUS_H_

#include <cstdint>
#include <exception>
#include <new>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#define SKEIN_RETURN_IF_ERROR(expression)          \
  do {                                             \
    absl::Status skein_status_ = (expression);     \
    if (!skein_status_.ok()) return skein_status_; \
  } while (false)

#define SKEIN_CONCAT_INNER(a, b) a##b
#define SKEIN_CONCAT(a, b) SKEIN_CONCAT_INNER(a, b)
#define SKEIN_ASSIGN_OR_RETURN(declaration, expression) \
  SKEIN_ASSIGN_OR_RETURN_INNER(SKEIN_CONCAT(skein_statusor_, __LINE__), declaration, expression)
// NOLINTBEGIN(bugprone-macro-parentheses): a declaration cannot stand in parentheses
#define SKEIN_ASSIGN_OR_RETURN_INNER(statusor, declaration, expression) \
  auto statusor = (expression);                                         \
  if (!statusor.ok()) return statusor.status();                         \
  declaration = *std::move(statusor)
// NOLINTEND(bugprone-macro-parentheses)

namespace skein {

// A status with a message, or, if there is no memory for it, without one.
inline absl::Status MakeStatus(absl::StatusCode code, absl::string_view message) noexcept {
  try {
    return absl::Status(code, message);
  } catch (const std::bad_alloc&) {
    return absl::Status(code, "");  // needs no memory
  }
}

// Calls `work`, which returns a status or something made of one, and makes a status of what it throws.
template <typename Work>
auto Guarded(const Work& work) noexcept -> decltype(work()) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return MakeStatus(absl::StatusCode::kResourceExhausted, "out of memory");
  } catch (const std::exception& failure) {
    return MakeStatus(absl::StatusCode::kInternal, failure.what());
  }
}

// The same status with `where` in front of its message, unless the message names it already: a plugin and the layers
// above it may all know the path of a file, and the reader wants it once. Its code stays, also one outside Abseil's
// such as that of an invalid handle, and its payloads stay.
absl::Status Annotate(const absl::Status& status, absl::string_view where);

// The same status with a hint that trying again makes sense in `milliseconds`: for RESOURCE_EXHAUSTED where the room
// frees itself. It becomes skein_error.retry_after_ms.
absl::Status WithRetryAfter(absl::Status status, uint32_t milliseconds);

// The hint of a status; 0 if it has none. Allocates nothing.
uint32_t RetryAfterMs(const absl::Status& status);

}  // namespace skein

#endif  // SKEIN_BASE_STATUS_H_
