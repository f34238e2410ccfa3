// The place of a state's parts in a slot, in bytes. Host code alone; calls no CUDA.
//
// A slot holds its layers one behind the other in the order of the canonical layout (backend.h), each from a multiple
// of 16 bytes on. The wkv matrices may be binary16; everything else is float32.
#ifndef SKEIN_BACKENDS_CUDA_STATE_FORM_H_
#define SKEIN_BACKENDS_CUDA_STATE_FORM_H_

#include <cstddef>
#include <cstdint>

#include "cuda/kernels/batch.h"
#include "cuda/kernels/state_copy.h"
#include "skein/backend.h"

namespace skein::cuda {

class StateForm {
 public:
  // Of `desc.num_layers` layers, checked (segment_desc.h). Throws RESOURCE_EXHAUSTED if the numbers of a layer cannot
  // be counted in 32 bits.
  StateForm(const skein_segment_desc& desc, StateType wkv_type);

  StateType wkv_type() const { return wkv_type_; }
  const LayerShape& shape() const { return shape_; }
  // Floats of a state in the canonical layout.
  uint64_t num_floats() const;
  uint64_t slot_bytes() const { return shape_.num_layers * shape_.layer_bytes; }
  // Whether a slot holds just what the canonical layout does.
  bool is_canonical() const { return shape_.layer_bytes == layer_floats_ * sizeof(float); }

  // The place in a slot of the part that begins at float `offset` of the canonical state.
  size_t ByteOffset(size_t offset) const;

 private:
  StateType wkv_type_;
  LayerShape shape_;
  uint64_t layer_floats_;  // in the canonical layout
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_STATE_FORM_H_
