// Where a part of a state lies. For device code alone.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_SLOT_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_SLOT_H_

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "cuda/kernels/batch.h"

namespace skein::cuda {

// `offset`: bytes from the beginning of the slot. NULL for kNoSlot.
template <typename Element>
__device__ __forceinline__ Element* SlotPart(const States& states, uint32_t slot, size_t offset) {
  if (slot == kNoSlot) return nullptr;
  return reinterpret_cast<Element*>(states.data + slot * states.slot_bytes + offset);
}

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_SLOT_H_
