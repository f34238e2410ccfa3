// The layout of a step's activations in one block of memory, on the host or on a device. Nothing here follows an
// address.
#ifndef SKEIN_BACKENDS_EQUATIONS_ACTIVATIONS_H_
#define SKEIN_BACKENDS_EQUATIONS_ACTIVATIONS_H_

#include <cstddef>
#include <cstdint>

#include "equations/operands.h"

namespace skein::kit {

// Deals blocks of rows out of `memory`, one after the other. With NULL and no rows it only counts.
class RowDealer {
 public:
  RowDealer(float* memory, uint32_t num_rows) : next_(memory), num_rows_(num_rows) {}

  // A block of the step's rows, each of `width` floats.
  Rows Take(uint32_t width) {
    const Rows rows = {next_, num_rows_, width};
    next_ += size_t{num_rows_} * width;
    floats_per_row_ += width;
    return rows;
  }

  // The floats that a row of each block dealt so far takes.
  uint64_t floats_per_row() const { return floats_per_row_; }

 private:
  float* next_;
  const uint32_t num_rows_;
  uint64_t floats_per_row_ = 0;
};

// The first `count` of the rows.
inline Rows FirstRows(const Rows& rows, uint32_t count) { return {rows.data, count, rows.width}; }

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_EQUATIONS_ACTIVATIONS_H_
