#include "devices/memory_need.h"

#include "absl/strings/str_cat.h"

namespace skein {
namespace {

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

MemoryParts::MemoryParts(const skein_segment_cost& cost, uint32_t num_slots)
    : weights_bytes(cost.weights_bytes),
      states_bytes(Product(cost.slot_bytes, num_slots)),
      scratch_bytes(cost.scratch_bytes) {}

uint64_t MemoryParts::total() const { return Sum(Sum(weights_bytes, states_bytes), scratch_bytes); }

std::string MemoryParts::Text(uint32_t num_slots) const {
  return absl::StrCat("weights ", BytesText(weights_bytes), ", states ", BytesText(states_bytes), " in ", num_slots,
                      " slots, scratch ", BytesText(scratch_bytes));
}

absl::Status MemoryNeed::Add(const std::string& device_name, const MemoryBudget& budget, const skein_segment_cost& cost,
                             uint32_t num_slots) {
  const MemoryParts added(cost, num_slots);
  MemoryParts& parts = devices_[device_name];
  parts.weights_bytes = Sum(parts.weights_bytes, added.weights_bytes);
  parts.states_bytes = Sum(parts.states_bytes, added.states_bytes);
  parts.scratch_bytes = Sum(parts.scratch_bytes, added.scratch_bytes);
  const uint64_t bytes = parts.total();
  if (bytes <= budget.bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("device ", device_name, " is full: the model needs ", bytes == UINT64_MAX ? "at least " : "",
                   BytesText(bytes), " there, ", BytesText(bytes - budget.bytes), " more than the ",
                   BytesText(budget.bytes), " that it may take (", budget.reason, "): ", parts.Text(num_slots)));
}

}  // namespace skein
