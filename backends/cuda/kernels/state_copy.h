// States between slots, and between a slot and the canonical layout of backend.h.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_STATE_COPY_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_STATE_COPY_H_

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "cuda/kernels/batch.h"
#include "cuda/kernels/launch.h"

namespace skein::cuda {

// How the layers lie in a slot, one part after the other: `num_shift_floats` float32, then `num_wkv` elements of the
// States' type.
struct LayerShape {
  uint32_t num_layers;
  uint32_t num_shift_floats;
  uint32_t num_wkv;
  size_t layer_bytes;  // from a layer's part to the next one's; a multiple of 4, of 16 for the fastest wkv kernels
};

// canonical [num_layers][num_shift_floats + num_wkv], float32 in the device's memory, from or to a slot.
cudaError_t ExportSlot(const Queue& queue, const States& states, const LayerShape& shape, uint32_t slot,
                       float* canonical);
cudaError_t ImportSlot(const Queue& queue, const States& states, const LayerShape& shape, uint32_t slot,
                       const float* canonical);

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_STATE_COPY_H_
