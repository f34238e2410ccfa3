#include "cuda/state_slots.h"

#include <algorithm>
#include <string>

#include "cuda/cuda_error.h"
#include "cuda/kernels/state_copy.h"
#include "kit/checked_product.h"
#include "numbers/state_layout.h"

namespace skein::cuda {

StateSlots::StateSlots(uint32_t device, const skein_segment_desc& desc, const StateForm& form, const CudaStream& stream)
    : device_(device),
      num_slots_(desc.num_slots),
      form_(form),
      stream_(stream),
      memory_(device, kit::CheckedProduct(uint64_t{num_slots_} + 1, form_.slot_bytes()), "states"),
      canonical_(device, form_.is_canonical() ? 0 : form_.num_floats(), "a state on its way"),
      staged_(device, form_.num_floats(), "a state on its way"),
      last_writers_(num_slots_),
      last_users_(num_slots_) {
  WriteFreshState(desc.model, desc.num_layers, staged_.data());
  Fill(initial_slot());
}

uint64_t StateSlots::FixedBytes(const StateForm& form) {
  return form.slot_bytes() + (form.is_canonical() ? 0 : form.num_floats() * sizeof(float));
}

void StateSlots::CheckSlot(uint32_t slot) const {
  if (slot < num_slots_) return;
  throw plugin::Error(SKEIN_OUT_OF_RANGE, "state slot " + std::to_string(slot) + ": the segment has " +
                                              std::to_string(num_slots_) + " slots");
}

void StateSlots::CheckFloats(const float* state, uint64_t num_floats) const {
  if (num_floats != form_.num_floats()) {
    throw plugin::Error(SKEIN_INVALID_ARGUMENT, "state: expected " + std::to_string(form_.num_floats()) +
                                                    " floats, found " + std::to_string(num_floats));
  }
  if (state == nullptr && num_floats != 0) throw plugin::Error(SKEIN_INVALID_ARGUMENT, "state: the buffer is NULL");
}

void StateSlots::Init(uint32_t slot) {
  CheckSlot(slot);
  CopySlot(initial_slot(), Write(slot, kCall));
}

void StateSlots::Copy(uint32_t from_slot, uint32_t to_slot) {
  CheckSlot(from_slot);
  CheckSlot(to_slot);
  if (from_slot == to_slot) return;
  const uint32_t from = Read(from_slot, kCall);
  CopySlot(from, Write(to_slot, kCall));
}

void StateSlots::CopySlot(uint32_t from, uint32_t to) {
  if (form_.slot_bytes() == 0) return;
  CheckCuda(device_, cudaMemcpyAsync(At(to), At(from), form_.slot_bytes(), cudaMemcpyDeviceToDevice, stream_.get()),
            "copy of a state");
}

void StateSlots::Export(uint32_t slot, float* state, uint64_t num_floats) {
  CheckSlot(slot);
  CheckFloats(state, num_floats);
  if (num_floats == 0) return;
  EnqueueExport(slot, canonical_.data(), staged_.data(), stream_.get());
  CheckCuda(device_, cudaStreamSynchronize(stream_.get()), "export of a state");
  std::copy_n(staged_.data(), num_floats, state);
}

void StateSlots::EnqueueExport(uint32_t slot, float* canonical, float* staged, cudaStream_t stream) const {
  const float* from = reinterpret_cast<const float*>(At(SlotOf(slot)));
  if (!form_.is_canonical()) {
    CheckCuda(device_, ExportSlot({.stream = stream}, states(), form_.shape(), SlotOf(slot), canonical),
              "export of a state");
    from = canonical;
  }
  CheckCuda(device_, cudaMemcpyAsync(staged, from, form_.num_floats() * sizeof(float), cudaMemcpyDeviceToHost, stream),
            "export of a state");
}

void StateSlots::Import(uint32_t slot, const float* state, uint64_t num_floats) {
  CheckSlot(slot);
  CheckFloats(state, num_floats);
  std::copy_n(state, num_floats, staged_.data());
  Fill(Write(slot, kCall));
}

void StateSlots::Discard(uint32_t slot) {
  CheckSlot(slot);
  last_writers_[slot] = kNobody;
}

void StateSlots::EnqueueImport(uint32_t slot, float* canonical, const float* staged, cudaStream_t stream) {
  EnqueueFill(Write(slot, kCall), canonical, staged, stream);
}

void StateSlots::Fill(uint32_t slot) {
  if (form_.num_floats() == 0) return;
  EnqueueFill(slot, canonical_.data(), staged_.data(), stream_.get());
  CheckCuda(device_, cudaStreamSynchronize(stream_.get()), "import of a state");
}

void StateSlots::EnqueueFill(uint32_t slot, float* canonical, const float* staged, cudaStream_t stream) const {
  float* const to = form_.is_canonical() ? reinterpret_cast<float*>(At(slot)) : canonical;
  CheckCuda(device_, cudaMemcpyAsync(to, staged, form_.num_floats() * sizeof(float), cudaMemcpyHostToDevice, stream),
            "import of a state");
  if (form_.is_canonical()) return;
  CheckCuda(device_, ImportSlot({.stream = stream}, states(), form_.shape(), slot, canonical), "import of a state");
}

}  // namespace skein::cuda
