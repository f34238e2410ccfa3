// The place of a state's parts in a slot, in bytes. Host code alone; calls no CUDA.
//
// A slot holds its layers one behind the other, without gaps, in the order of the canonical layout (backend.h). The wkv
// matrices may be binary16; everything else is float32.
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
  // Of `desc.num_layers` layers, checked (segment_desc.h). Throws UNIMPLEMENTED if binary16 matrices would leave the
  // float32 behind them at odd addresses.
  StateForm(const skein_segment_desc& desc, StateType wkv_type);

  StateType wkv_type() const { return wkv_type_; }
  const LayerShape& shape() const { return shape_; }
  // Floats of a state in the canonical layout.
  uint64_t num_floats() const;
  // Bytes of the parts of a slot, and from a slot to the next.
  uint64_t state_bytes() const { return shape_.num_layers * layer_bytes_; }
  uint64_t slot_bytes() const;
  // Whether a slot holds just what the canonical layout does.
  bool is_canonical() const { return wkv_type_ == StateType::kF32 || shape_.num_wkv == 0; }

  // The place in a slot of the part that begins at float `offset` of the canonical state.
  size_t ByteOffset(size_t offset) const;

 private:
  StateType wkv_type_;
  LayerShape shape_;
  uint64_t layer_floats_;
  uint64_t layer_bytes_;
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_STATE_FORM_H_
