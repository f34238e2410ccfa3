// The states of a segment in a device's memory, one per slot, and their way in and out in the canonical layout of
// backend.h. One extra slot holds the initial state; a slot that was never written reads as that one.
#ifndef SKEIN_BACKENDS_CUDA_STATE_SLOTS_H_
#define SKEIN_BACKENDS_CUDA_STATE_SLOTS_H_

#include <cstdint>
#include <vector>

#include "cuda/cuda_stream.h"
#include "cuda/device_memory.h"
#include "cuda/kernels/batch.h"
#include "cuda/kernels/launch.h"
#include "cuda/state_form.h"
#include "skein/backend.h"

namespace skein::cuda {

// The device is current in every call. Threads: one at a time.
class StateSlots {
 public:
  // Takes all memory now, and fills the initial state.
  StateSlots(uint32_t device, const skein_segment_desc& desc, const StateForm& form, const CudaStream& stream);

  // The bytes of one slot, and those of the slots that do not grow with their number.
  static uint64_t SlotBytes(const StateForm& form) { return form.slot_bytes(); }
  static uint64_t FixedBytes(const StateForm& form);

  const StateForm& form() const { return form_; }
  // As kernels see them.
  States states() const {
    return {.data = memory_.data(), .slot_bytes = form_.slot_bytes(), .wkv_type = form_.wkv_type()};
  }
  uint32_t initial_slot() const { return num_slots_; }

  // The last writer of a slot, and the last that read or wrote it: nobody, a call on states, or a step by its number,
  // from kFirstStep on.
  static constexpr uint64_t kNobody = 0, kCall = 1, kFirstStep = 2;
  // The slot was checked, as in the next two.
  uint64_t LastWriter(uint32_t slot) const { return last_writers_[slot]; }
  uint64_t LastUser(uint32_t slot) const { return last_users_[slot]; }

  // The slot that a step or a call reads for `slot`, or for SKEIN_SLOT_INITIAL.
  uint32_t Read(uint32_t slot, uint64_t reader) {
    const uint32_t read = SlotOf(slot);
    if (read != initial_slot()) last_users_[read] = reader;
    return read;
  }
  // The slot that a step writes, all of it, for `slot` or SKEIN_SLOT_NONE. Read before: afterwards it counts as
  // written.
  uint32_t Write(uint32_t slot, uint64_t writer) {
    if (slot == SKEIN_SLOT_NONE) return kNoSlot;
    last_writers_[slot] = last_users_[slot] = writer;
    return slot;
  }

  // Throws OUT_OF_RANGE for a slot that does not exist.
  void CheckSlot(uint32_t slot) const;
  // Throws INVALID_ARGUMENT unless `state` has room for a state.
  void CheckFloats(const float* state, uint64_t num_floats) const;

  // Enqueues in `stream`, which is behind the last writer of the slot, its way to `staged`, which is page-locked. Both
  // have room for a state in canonical layout, but `canonical` only if slots are not in it. The slot was checked.
  void EnqueueExport(uint32_t slot, float* canonical, float* staged, cudaStream_t stream) const;
  // The same of its way from there. The stream is behind the last user of the slot, which counts as written.
  void EnqueueImport(uint32_t slot, float* canonical, const float* staged, cudaStream_t stream);

  // Each throws OUT_OF_RANGE for a slot that does not exist, and INVALID_ARGUMENT for a wrong number of floats. Init
  // and Copy are enqueued in the stream of the segment; Export and Import return when the numbers are there.
  void Init(uint32_t slot);
  void Copy(uint32_t from_slot, uint32_t to_slot);
  void Export(uint32_t slot, float* state, uint64_t num_floats);
  void Import(uint32_t slot, const float* state, uint64_t num_floats);
  // The slot counts as never written: whoever reads it finds the initial state and not that of another stream. Its
  // memory stays, since a device gives none back while others of the same allocation are in use.
  void Discard(uint32_t slot);

 private:
  unsigned char* At(uint32_t slot) const { return memory_.data() + slot * form_.slot_bytes(); }
  void CopySlot(uint32_t from, uint32_t to);
  // Where the state of a slot lies that is read.
  uint32_t SlotOf(uint32_t slot) const {
    return slot == SKEIN_SLOT_INITIAL || last_writers_[slot] == kNobody ? initial_slot() : slot;
  }
  // From page-locked memory into a slot, in the stream of the segment.
  void Fill(uint32_t slot);
  void EnqueueFill(uint32_t slot, float* canonical, const float* staged, cudaStream_t stream) const;

  const uint32_t device_;
  const uint32_t num_slots_;
  const StateForm form_;
  const CudaStream& stream_;
  DeviceArray<unsigned char> memory_;   // [num_slots + 1][slot_bytes]
  DeviceArray<float> canonical_;        // a state on its way, if slots are not in the canonical layout
  PinnedArray<float> staged_;           // a state on its way
  std::vector<uint64_t> last_writers_;  // [num_slots]
  std::vector<uint64_t> last_users_;    // [num_slots]
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_STATE_SLOTS_H_
