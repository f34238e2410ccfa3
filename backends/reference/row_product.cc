#include "reference/row_product.h"

#include <algorithm>
#include <span>

#include "numbers/half.h"
#include "numbers/quantised.h"
#include "reference/row.h"

namespace skein::reference {
namespace {

// Inputs in whole groups of either type.
uint64_t MostCodes(uint64_t most_inputs) {
  constexpr uint64_t kLargestGroup = LayoutOf(SKEIN_DTYPE_Q8).group_size;
  static_assert(kLargestGroup % LayoutOf(SKEIN_DTYPE_Q4).group_size == 0);
  return (most_inputs + kLargestGroup - 1) / kLargestGroup * kLargestGroup;
}

float RoundedToBf16(float value) { return Bf16ToF32(F32ToBf16(value)); }

}  // namespace

RowProduct::RowProduct(const skein_host& host, uint64_t most_inputs)
    : floats_(host, most_inputs, "inputs of products"), codes_(host, MostCodes(most_inputs), "inputs of products") {}

uint64_t RowProduct::Bytes(uint64_t most_inputs) { return most_inputs * sizeof(float) + MostCodes(most_inputs); }

void RowProduct::Set(const Matrix& weight, const float* x) {
  weight_ = &weight;
  const std::span inputs(x, weight.num_columns());
  switch (weight.arithmetic()) {
    case Arithmetic::kF32:
      std::copy(inputs.begin(), inputs.end(), floats_.data());
      break;
    case Arithmetic::kBf16:
      std::transform(inputs.begin(), inputs.end(), floats_.data(), RoundedToBf16);
      break;
    case Arithmetic::kInt8:
      Quantise(inputs, weight.group_size(), floats_.data(), codes_.data());
      break;
  }
}

float RowProduct::Output(uint64_t index) const {
  if (weight_->arithmetic() != Arithmetic::kInt8) {
    return Dot(weight_->Floats(index), {floats_.data(), weight_->num_columns()});
  }
  const QuantisedRow weights = weight_->Codes(index);
  return Dot(weights, {weights.num_groups, weights.group_size, floats_.data(), codes_.data()});
}

}  // namespace skein::reference
