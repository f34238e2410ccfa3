#include "host/state_slots.h"

#include <algorithm>
#include <string>

#include "equations/layer_state.h"

namespace skein::kit {

uint64_t StateSlots::StateFloats(const skein_segment_desc& desc) {
  return CheckedProduct(desc.num_layers, LayerStateFloats(desc.model));
}

StateSlots::StateSlots(const skein_host& host, const skein_segment_desc& desc, WkvOrder order)
    : num_slots_(desc.num_slots),
      num_layers_(desc.num_layers),
      d_model_(desc.model.d_model),
      num_heads_(desc.model.num_heads),
      head_size_(desc.model.head_size),
      is_turned_(desc.model.generation == 7 && order != WkvOrder::kValueKey),
      state_floats_(StateFloats(desc)),
      states_(host, CheckedProduct(uint64_t{num_slots_} + 1, state_floats_), "states", Content::kUnset),
      is_written_(num_slots_) {
  float* initial = states_.data() + num_slots_ * state_floats_;
  std::fill_n(initial, state_floats_, 0.0f);
  if (desc.model.generation != 4) return;
  for (uint32_t layer = 1; layer <= num_layers_; ++layer) {
    std::fill_n(initial + layer * LayerStateFloats(desc.model) - desc.model.d_att, desc.model.d_att, kInitialExponent);
  }
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

void StateSlots::Convert(const float* from, float* to) const {
  if (!is_turned_) {
    std::copy_n(from, state_floats_, to);
    return;
  }
  const size_t n = head_size_;
  for (uint32_t layer = 0; layer < num_layers_; ++layer) {
    std::copy_n(from, 2 * size_t{d_model_}, to);
    from += 2 * size_t{d_model_};
    to += 2 * size_t{d_model_};
    for (uint32_t head = 0; head < num_heads_; ++head, from += n * n, to += n * n) {
      for (size_t i = 0; i < n; ++i) {
        for (size_t j = 0; j < n; ++j) to[j * n + i] = from[i * n + j];
      }
    }
  }
}

}  // namespace skein::kit
