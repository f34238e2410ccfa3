#include "host/state_slots.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string>

namespace skein::kit {

uint64_t StateSlots::StateFloats(const skein_segment_desc& desc) {
  return CheckedProduct(desc.num_layers, LayerStateFloats(desc.model));
}

StateSlots::StateSlots(const skein_host& host, const skein_segment_desc& desc, WkvOrder order)
    : num_slots_(desc.num_slots),
      num_layers_(desc.num_layers),
      model_(desc.model),
      is_turned_(desc.model.generation == 7 && order != CanonicalWkvOrder(7)),
      state_floats_(StateFloats(desc)),
      states_(host, CheckedProduct(uint64_t{num_slots_} + 1, state_floats_), "states", Content::kUnset),
      is_written_(num_slots_) {
  WriteFreshState(model_, num_layers_, states_.data() + num_slots_ * state_floats_);
}

void StateSlots::CheckSlot(uint32_t slot) const {
  if (slot < num_slots_) return;
  throw plugin::Error(SKEIN_OUT_OF_RANGE, "state slot " + std::to_string(slot) + ": the segment has " +
                                              std::to_string(num_slots_) + " slots");
}

void StateSlots::CheckFloats(const float* state, uint64_t num_floats) const {
  if (num_floats != state_floats_) {
    throw plugin::Error(SKEIN_INVALID_ARGUMENT, "state: expected " + std::to_string(state_floats_) + " floats, found " +
                                                    std::to_string(num_floats));
  }
  if (state == nullptr && num_floats != 0) throw plugin::Error(SKEIN_INVALID_ARGUMENT, "state: the buffer is NULL");
}

void StateSlots::Init(uint32_t slot) {
  CheckSlot(slot);
  std::copy_n(Read(SKEIN_SLOT_INITIAL), state_floats_, Write(slot));
}

void StateSlots::Copy(uint32_t from_slot, uint32_t to_slot) {
  CheckSlot(from_slot);
  CheckSlot(to_slot);
  if (from_slot != to_slot) std::copy_n(Read(from_slot), state_floats_, Write(to_slot));
}

void StateSlots::Export(uint32_t slot, float* state, uint64_t num_floats) const {
  CheckSlot(slot);
  CheckFloats(state, num_floats);
  Convert(Read(slot), state);
}

void StateSlots::Import(uint32_t slot, const float* state, uint64_t num_floats) {
  CheckSlot(slot);
  CheckFloats(state, num_floats);
  Convert(state, Write(slot));
}

void StateSlots::Discard(uint32_t slot) {
  CheckSlot(slot);
  is_written_[slot] = 0;
  const auto page_bytes = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto states = reinterpret_cast<uintptr_t>(states_.data());
  const uintptr_t state_bytes = state_floats_ * sizeof(float);
  uintptr_t begin = states + slot * state_bytes;
  uintptr_t end = begin + state_bytes;
  // The pages at both ends hold parts of other slots too.
  const uintptr_t first_page = std::max(begin / page_bytes * page_bytes, states);
  const uintptr_t last_page = (end - 1) / page_bytes * page_bytes;
  begin = IsUnwritten(first_page - states, begin - states) ? first_page : begin;
  end = IsUnwritten(end - states, last_page + page_bytes - states) ? last_page + page_bytes : end;
  begin = (begin + page_bytes - 1) / page_bytes * page_bytes;
  end = end / page_bytes * page_bytes;
  // If the system refuses, the slot keeps its memory.
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

bool StateSlots::IsUnwritten(uint64_t first_byte, uint64_t end_byte) const {
  const uint64_t state_bytes = state_floats_ * sizeof(float);
  for (uint64_t slot = first_byte / state_bytes; slot * state_bytes < end_byte; ++slot) {
    if (slot >= num_slots_ || is_written_[slot] != 0) return false;  // behind the slots lies the initial state
  }
  return true;
}

void StateSlots::Convert(const float* from, float* to) const {
  if (!is_turned_) {
    std::copy_n(from, state_floats_, to);
    return;
  }
  for (uint32_t layer = 0; layer < num_layers_; ++layer) {
    const LayerState at = LayerStateAt(model_, layer);
    std::copy(from + at.time_shift, from + at.wkv, to + at.time_shift);
    CopyWkv(model_, WkvOrder::kValueKey, from + at.wkv, WkvOrder::kKeyValue, to + at.wkv);
  }
}

}  // namespace skein::kit
