// The product of a matrix and one row of inputs, as each arithmetic defines it.
#ifndef SKEIN_BACKENDS_REFERENCE_ROW_PRODUCT_H_
#define SKEIN_BACKENDS_REFERENCE_ROW_PRODUCT_H_

#include <cstdint>

#include "host/host_memory.h"
#include "reference/matrix.h"

namespace skein::reference {

// Set before Output. Threads: one.
class RowProduct {
 public:
  // `most_inputs`: of any product. Throws RESOURCE_EXHAUSTED. The host outlives it.
  RowProduct(const skein_host& host, uint64_t most_inputs);

  static uint64_t Bytes(uint64_t most_inputs);

  // Takes x [weight.num_columns()], rounded as the arithmetic of `weight` has it. `weight` stays until the next Set.
  void Set(const Matrix& weight, const float* x);
  // (W x)[index].
  float Output(uint64_t index) const;

 private:
  const Matrix* weight_ = nullptr;
  kit::HostArray<float> floats_;  // the inputs, or the scales of their groups
  kit::HostArray<int8_t> codes_;
};

}  // namespace skein::reference

#endif  // SKEIN_BACKENDS_REFERENCE_ROW_PRODUCT_H_
