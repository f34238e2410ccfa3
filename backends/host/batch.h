// A step as the ops see it: which rows belong to which stream, where each stream's state is, and what is wanted of
// which row.
#ifndef SKEIN_BACKENDS_HOST_BATCH_H_
#define SKEIN_BACKENDS_HOST_BATCH_H_

#include <cstdint>
#include <span>

#include "equations/ops.h"

namespace skein::kit {

// One stream's tokens of a step: rows [first_row, first_row + num_rows), at least one.
struct Sequence {
  uint32_t first_row;
  uint32_t num_rows;
  const float* read_state;  // the segment's part of the state before; several sequences may read one
  float*
      write_state;  // where the state after goes: equal to read_state, or written by this sequence only; NULL: nowhere
};

// Rows of all sequences, packed without gaps in the order of the sequences. Valid during one step.
struct Batch {
  std::span<const uint32_t> tokens;  // per row; checked against the vocabulary
  std::span<const Sequence> sequences;
  std::span<const uint32_t> output_rows;  // rows wanted after the output norm: first those whose logits are wanted
  std::span<float* const> logits;         // where the logits of output_rows[i] go, [V]; may be shorter than output_rows
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_HOST_BATCH_H_
