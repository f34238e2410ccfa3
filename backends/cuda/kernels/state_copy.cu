// States to and from the canonical layout.
//   Launch: a thread a number, grid (numbers of a layer / 256, layers). Bound by bytes: each number once. No
//   synchronisation.
#include <cuda_fp16.h>

#include "cuda/kernels/device_code.h"
#include "cuda/kernels/slot.h"
#include "cuda/kernels/state_copy.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kThreads = 256;

enum class Direction { kExport, kImport };

__device__ __forceinline__ void Assign(float& to, float from) { to = from; }
__device__ __forceinline__ void Assign(float& to, __half from) { to = __half2float(from); }
__device__ __forceinline__ void Assign(__half& to, float from) { to = __float2half_rn(from); }

template <Direction kDirection, typename Element>
__device__ __forceinline__ void CopyNumber(Element& in_slot, float& canonical) {
  if constexpr (kDirection == Direction::kExport) {
    Assign(canonical, in_slot);
  } else {
    Assign(in_slot, canonical);
  }
}

// `layers`: the layers of the slot. `Element`: of the wkv matrices.
template <Direction kDirection, typename Element>
__global__ void __launch_bounds__(kThreads)
    CopySlotKernel(const States states, const LayerShape shape, uint32_t slot, float* canonical) {
  DependencyWait();
  DependencyRelease();
  const size_t i = size_t{blockIdx.x} * kThreads + threadIdx.x;
  const size_t layer_numbers = size_t{shape.num_shift_floats} + shape.num_wkv;
  if (i >= layer_numbers) return;
  const size_t layer = blockIdx.y * shape.layer_bytes;
  float& number = canonical[blockIdx.y * layer_numbers + i];
  float* shift = SlotPart<float>(states, slot, layer);
  if (i < shape.num_shift_floats) {
    CopyNumber<kDirection>(shift[i], number);
  } else {
    Element* wkv = reinterpret_cast<Element*>(shift + shape.num_shift_floats);
    CopyNumber<kDirection>(wkv[i - shape.num_shift_floats], number);
  }
}

template <Direction kDirection>
cudaError_t CopySlot(const Queue& queue, const States& states, const LayerShape& shape, uint32_t slot,
                     float* canonical) {
  const size_t layer_numbers = size_t{shape.num_shift_floats} + shape.num_wkv;
  const dim3 grid(static_cast<uint32_t>((layer_numbers + kThreads - 1) / kThreads), shape.num_layers);
  const auto kernel =
      states.wkv_type == StateType::kF16 ? CopySlotKernel<kDirection, __half> : CopySlotKernel<kDirection, float>;
  return Launch(queue, grid, kThreads, kernel, states, shape, slot, canonical);
}

}  // namespace

cudaError_t ExportSlot(const Queue& queue, const States& states, const LayerShape& shape, uint32_t slot,
                       float* canonical) {
  return CopySlot<Direction::kExport>(queue, states, shape, slot, canonical);
}

cudaError_t ImportSlot(const Queue& queue, const States& states, const LayerShape& shape, uint32_t slot,
                       const float* canonical) {
  return CopySlot<Direction::kImport>(queue, states, shape, slot, const_cast<float*>(canonical));
}

}  // namespace skein::cuda
