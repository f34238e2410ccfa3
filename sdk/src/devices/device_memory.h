// The memory that one model may take on each device: the device's own, or less by the option `device_memory`.
#ifndef SKEIN_DEVICES_DEVICE_MEMORY_H_
#define SKEIN_DEVICES_DEVICE_MEMORY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace skein {

// A number of bytes as people say it: "312 bytes", "1.50 MiB", "13.9 GiB".
std::string BytesText(uint64_t bytes);

// Reads a size such as "6GiB", "1.5MiB" or a number of bytes. INVALID_ARGUMENT: it is none, nothing, or more than any
// machine has; the message names the option.
absl::StatusOr<uint64_t> ParseSize(absl::string_view text, absl::string_view option);

// Reads the option with the names of the devices: "" (no limits), "6GiB" for every device, or
// "cuda:0=6GiB,cuda:1=512MiB". The result has a limit or nothing for each name. NOT_FOUND: no such device; lists those
// there are. INVALID_ARGUMENT: a piece that is no size, nothing, more than any machine has, or for a device that has a
// limit already; the message names the piece.
absl::StatusOr<std::vector<std::optional<uint64_t>>> ParseDeviceMemory(absl::string_view text,
                                                                       absl::Span<const std::string> device_names);

// The bytes that a model may take on a device.
struct MemoryBudget {
  uint64_t bytes = 0;
  std::string reason;  // for the reader of an error
};

// By what is free of a device's `memory_bytes`, or by the address space of any machine where these are 0, as it does
// not know them, and by `limit`.
MemoryBudget BudgetOf(uint64_t free_bytes, uint64_t memory_bytes, const std::optional<uint64_t>& limit);

}  // namespace skein

#endif  // SKEIN_DEVICES_DEVICE_MEMORY_H_
