// A step as ops in host memory see it: which rows belong to which stream, where each stream's state is, and where
// outputs go.
#ifndef SKEIN_BACKENDS_HOST_BATCH_H_
#define SKEIN_BACKENDS_HOST_BATCH_H_

#include <cstdint>
#include <span>

namespace skein::kit {

// One stream's tokens of a step: rows [first_row, first_row + num_rows), at least one.
struct Sequence {
  uint32_t first_row;
  uint32_t num_rows;
  // The segment's part of the state from before. Several sequences may read one.
  const float* read_state;
  // Where the state goes afterwards: to `read_state`, or where this sequence alone writes. NULL: nowhere.
  float* write_state;
};

// Rows of all sequences, packed without gaps in the order of the sequences. Valid during one step.
struct Batch {
  std::span<const uint32_t> tokens;  // per row; checked against the vocabulary
  std::span<const Sequence> sequences;
  std::span<const uint32_t> output_rows;  // the rows of wanted outputs: first those whose logits are wanted
  std::span<float* const> logits;         // where the logits of the first outputs go, [V] each
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_HOST_BATCH_H_
