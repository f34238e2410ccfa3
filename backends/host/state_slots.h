// The states of a segment, one per slot, and their way in and out in the canonical layout of backend.h. One extra state
// holds the initial state. A slot that was never written reads as that state. Slots take memory when they are first
// written, until they are discarded: a host may ask for many more slots than it uses.
#ifndef SKEIN_BACKENDS_HOST_STATE_SLOTS_H_
#define SKEIN_BACKENDS_HOST_STATE_SLOTS_H_

#include <cstdint>
#include <vector>

#include "host/host_memory.h"
#include "numbers/state_layout.h"
#include "skein/backend.h"

namespace skein::kit {

class StateSlots {
 public:
  // States of `desc.num_layers` layers. `order` is how the backend keeps the wkv matrix of a head of RWKV-7. The
  // matrices of RWKV-5 and 6 are kept in the canonical order.
  StateSlots(const skein_host& host, const skein_segment_desc& desc, WkvOrder order);

  // Floats of one state; the same in every layout.
  static uint64_t StateFloats(const skein_segment_desc& desc);

  uint32_t num_slots() const { return num_slots_; }
  // The state of a slot, or of SKEIN_SLOT_INITIAL. The slot was checked.
  const float* Read(uint32_t slot) const {
    return At(slot == SKEIN_SLOT_INITIAL || is_written_[slot] == 0 ? num_slots_ : slot);
  }
  // Where the state of a slot is to be written, all of it; NULL for SKEIN_SLOT_NONE. Read the slot before: afterwards
  // it counts as written.
  float* Write(uint32_t slot) {
    if (slot == SKEIN_SLOT_NONE) return nullptr;
    is_written_[slot] = 1;
    return const_cast<float*>(At(slot));
  }

  // Each throws OUT_OF_RANGE for a slot that does not exist, and INVALID_ARGUMENT for a wrong number of floats.
  void Init(uint32_t slot);
  void Copy(uint32_t from_slot, uint32_t to_slot);
  void Export(uint32_t slot, float* state, uint64_t num_floats) const;
  void Import(uint32_t slot, const float* state, uint64_t num_floats);
  // The slot counts as never written, and the pages that hold no state of a written slot go back to the system.
  void Discard(uint32_t slot);

 private:
  const float* At(uint32_t index) const { return states_.data() + index * state_floats_; }
  // Whether no slot that counts as written has a part in these bytes of states_.
  bool IsUnwritten(uint64_t first_byte, uint64_t end_byte) const;
  void CheckSlot(uint32_t slot) const;
  void CheckFloats(const float* state, uint64_t num_floats) const;
  // Copies a state and, if it is kept in another order, turns each wkv matrix over; its own inverse.
  void Convert(const float* from, float* to) const;

  const uint32_t num_slots_;
  const uint32_t num_layers_;
  const skein_backend_model model_;
  const bool is_turned_;  // wkv is kept in another order than the canonical one
  const uint64_t state_floats_;
  HostArray<float> states_;          // [num_slots + 1][state_floats]
  std::vector<uint8_t> is_written_;  // [num_slots]
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_HOST_STATE_SLOTS_H_
