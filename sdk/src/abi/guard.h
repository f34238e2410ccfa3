// The border itself. No exception crosses it, every failure becomes a code and a message, a forked child gets no
// further, and the calling thread is left as it was.
#ifndef SKEIN_ABI_GUARD_H_
#define SKEIN_ABI_GUARD_H_

#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <utility>

#include "abi/call_environment.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "skein/status.h"

namespace skein::abi {

// FAILED_PRECONDITION in a child that was forked while a runtime was alive: its copy of the library has no threads.
absl::Status CheckProcess();

// Fills `error`, which may be NULL, and gives the code. Allocates nothing, because the failure may be that memory ran
// out.
skein_status Report(const absl::Status& status, skein_error* error) noexcept;
skein_status Report(absl::StatusCode code, absl::string_view message, skein_error* error) noexcept;

// Runs the body of an entry point, which returns absl::Status.
template <typename Body>
skein_status Guard(skein_error* error, Body&& body) noexcept {
  const CallEnvironment environment;
  try {
    absl::Status status = CheckProcess();
    if (status.ok()) status = std::forward<Body>(body)();
    return Report(status, error);
  } catch (const std::bad_alloc&) {
    return Report(absl::StatusCode::kResourceExhausted, "out of memory", error);
  } catch (const std::exception& failure) {
    return Report(absl::StatusCode::kInternal, failure.what(), error);
  } catch (...) {
    return Report(absl::StatusCode::kInternal, "unknown exception", error);
  }
}

// INVALID_ARGUMENT if a pointer that must not be NULL is.
absl::Status CheckPointer(const void* pointer, const char* name);

// INVALID_ARGUMENT unless structs of `found` bytes, one behind the other, have the fields of the first version, which
// end at `min_bytes`, and stand where a struct with pointers may. `name` is the parameter, and `type` the struct.
absl::Status CheckElementSize(uint32_t found, uint32_t min_bytes, const char* name, const char* type);

// The rule of base.h for a caller's buffer: sets `*size` to the size needed, and says whether to write.
enum class BufferUse { kWrite, kSizeOnly };
absl::StatusOr<BufferUse> CheckBuffer(const void* buffer, uint64_t capacity, uint64_t needed, uint64_t* size,
                                      const char* unit);

// The whole rule, for bytes that exist already: sets `*size`, and writes.
absl::Status CopyToBuffer(absl::string_view bytes, char* buffer, uint64_t capacity, uint64_t* size);

// Fills an output struct up to the caller's struct_size, which it keeps. INVALID_ARGUMENT: NULL or struct_size below 4.
template <typename Struct>
absl::Status FillStruct(const Struct& from, Struct* to) {
  absl::Status status = CheckPointer(to, "the output struct");
  if (!status.ok()) return status;
  const uint32_t struct_size = to->struct_size;
  if (struct_size < sizeof(uint32_t)) {
    return absl::InvalidArgumentError("struct_size of the output struct is 0; expected sizeof the struct");
  }
  std::memcpy(to, &from, struct_size < sizeof(Struct) ? struct_size : sizeof(Struct));
  to->struct_size = struct_size;
  return status;
}

// Copies a text to a fixed array, as one line of UTF-8 that is shortened if it is too long (base/short_text.h);
// NUL-terminated.
void CopyText(absl::string_view from, absl::Span<char> to);

}  // namespace skein::abi

#endif  // SKEIN_ABI_GUARD_H_
