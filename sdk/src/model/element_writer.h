// Writes elements, as they come in row-major order, into a packed tensor of any type that packages hold.
#ifndef SKEIN_MODEL_ELEMENT_WRITER_H_
#define SKEIN_MODEL_ELEMENT_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "numbers/quantised.h"

namespace skein {

// Threads: one at a time.
class ElementWriter {
 public:
  // Writes a tensor of `shape` as `dtype` (F32, F16, BF16, Q8 or Q4) to `out`, which has room for it and may be
  // unaligned. `name` is for messages. `shape`, `name` and `out` must outlive the writer.
  ElementWriter(absl::Span<const uint64_t> shape, const std::string& name, uint32_t dtype, uint8_t* out);

  // Writes the next elements, which are finite, rounded to nearest even or quantised. OUT_OF_RANGE: an element is too
  // large for the type; the message names it. Nothing may be added after that.
  absl::Status Add(absl::Span<const float> values);

 private:
  absl::Status AddPlain(absl::Span<const float> values);
  absl::Status AddQuantised(absl::Span<const float> values);
  // Quantises elements of the present row. They begin with a group, and end with one or with the row.
  absl::Status WriteGroups(absl::Span<const float> values);
  // The error for the element of `values` with the largest magnitude. values[0] is element `first` of the tensor.
  absl::Status TooLarge(absl::Span<const float> values, uint64_t first) const;

  const absl::Span<const uint64_t> shape_;
  const std::string& name_;
  const uint32_t dtype_;
  const uint32_t block_elements_;
  const uint32_t block_bytes_;
  const uint64_t num_columns_;
  uint8_t* out_;            // the place of the next element or group
  uint64_t num_added_ = 0;  // written or pending
  // The elements so far of a group that is not complete.
  float pending_[kQ8.group_size];
  size_t num_pending_ = 0;
};

}  // namespace skein

#endif  // SKEIN_MODEL_ELEMENT_WRITER_H_
