// A step as kernels see it: which rows belong to which stream, which slots they read and write, and which outputs are
// wanted. Slots are data in the device's memory, so that a captured graph serves any slots.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_BATCH_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_BATCH_H_

#include <cstddef>
#include <cstdint>

namespace skein::cuda {

inline constexpr uint32_t kNoSlot = 0xFFFFFFFEu;
// Of a token that the host does not know: the rest is the index of the result that drew it in the step before.
inline constexpr uint32_t kDrawnToken = 0x80000000u;

// One stream's rows of a step: [first_row, first_row + num_rows), at least one. One load takes all of it: loads of its
// parts would be waited for together with whatever is loaded in between.
struct alignas(16) Sequence {
  uint32_t first_row;
  uint32_t num_rows;
  uint32_t read_slot;   // the initial state has a slot of its own
  uint32_t write_slot;  // that of `read_slot`, or one that no other sequence reads or writes; kNoSlot: none
};

// Addresses are the device's.
struct Batch {
  const uint32_t* tokens;         // [num_rows]; below the vocabulary's size, or with kDrawnToken
  const Sequence* sequences;      // [num_sequences], in the order of their rows
  const uint32_t* row_sequences;  // [num_rows]: the sequence of each row
  const uint32_t* output_rows;    // [num_outputs]: first the rows whose logits are wanted
  uint32_t num_rows;
  uint32_t num_sequences;
  uint32_t num_outputs;
};

// The element type of the wkv matrices of a state. Everything else in a state is float32.
enum class StateType : uint8_t { kF32, kF16 };

// The states of a segment by slot, in the canonical order of backend.h. Offsets of the parts are in bytes from the
// beginning of a slot (state_slots.h).
struct States {
  unsigned char* data;
  size_t slot_bytes;
  StateType wkv_type;
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_BATCH_H_
