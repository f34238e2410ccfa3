#include "devices/memory_need.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace skein {
namespace {

// The address space of 64-bit processors: 57 bits at most.
constexpr uint64_t kMostBytes = uint64_t{1} << 57;

// Sums and products that do not fit stay at the largest number.
uint64_t Sum(uint64_t a, uint64_t b) {
  uint64_t sum;
  return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}
uint64_t Product(uint64_t a, uint64_t b) {
  uint64_t product;
  return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

}  // namespace

absl::Status MemoryNeed::Add(const skein_backend_device& device, const skein_segment_cost& cost, uint32_t num_slots) {
  uint64_t& bytes = bytes_[device.name];
  const uint64_t states_bytes = Product(cost.slot_bytes, num_slots);
  bytes = Sum(bytes, Sum(Sum(cost.weights_bytes, states_bytes), cost.scratch_bytes));
  const uint64_t limit = device.memory_bytes == 0 ? kMostBytes : std::min(device.memory_bytes, kMostBytes);
  if (bytes <= limit) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("device ", device.name, ": the model needs ", bytes == UINT64_MAX ? "at least " : "", bytes,
                   " bytes there; expected at most ", limit, ". Its last segment: weights ", cost.weights_bytes, ", ",
                   num_slots, " states of ", cost.slot_bytes, ", scratch ", cost.scratch_bytes));
}

}  // namespace skein
