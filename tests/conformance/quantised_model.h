// Synthetic models whose matrices are quantised. For tests that link sdk/numbers, which makes the formats.
#ifndef SKEIN_TESTS_CONFORMANCE_QUANTISED_MODEL_H_
#define SKEIN_TESTS_CONFORMANCE_QUANTISED_MODEL_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "numbers/quantised.h"
#include "tests/conformance/quantise.h"
#include "tests/conformance/synthetic_model.h"

namespace skein::conformance {

// Types that the matrices of a model, embedding and head too, are given in turn.
inline const std::vector<std::vector<uint32_t>> kMixtures = {
    {SKEIN_DTYPE_Q8},
    {SKEIN_DTYPE_Q4},
    {SKEIN_DTYPE_Q8, SKEIN_DTYPE_BF16, SKEIN_DTYPE_Q4, SKEIN_DTYPE_F16, SKEIN_DTYPE_Q8, SKEIN_DTYPE_F32},
};

inline bool IsMatrix(const SyntheticTensor& tensor) {
  return tensor.shape.size() == 2 && tensor.role != SKEIN_ROLE_V5_DECAY && tensor.role != SKEIN_ROLE_V5_BONUS &&
         tensor.role != SKEIN_ROLE_V7_BONUS;
}

// Its types but for those of `mixture` that are quantised.
inline SyntheticModel Quantised(const SyntheticShape& shape, const std::vector<uint32_t>& mixture) {
  SyntheticShape floats = shape;
  floats.matrix_types.clear();
  for (const uint32_t dtype : mixture) floats.matrix_types.push_back(IsQuantised(dtype) ? SKEIN_DTYPE_F32 : dtype);
  SyntheticModel model(floats);
  size_t turn = 0;
  for (SyntheticTensor& tensor : model.tensors()) {
    if (!IsMatrix(tensor)) continue;
    const uint32_t dtype = mixture[turn++ % mixture.size()];
    if (!IsQuantised(dtype)) continue;
    const std::vector<float> values(tensor.values.begin(), tensor.values.end());
    const uint64_t num_columns = tensor.shape[1];
    tensor.dtype = dtype;
    tensor.data = QuantiseRows(dtype, values, num_columns);
    const uint64_t row_bytes = tensor.data.size() / tensor.shape[0];
    std::vector<float> row(num_columns);
    for (uint64_t i = 0; i < tensor.shape[0]; ++i) {
      ExpandQuantised(dtype, tensor.data.data() + i * row_bytes, 0, num_columns, row.data());
      std::copy(row.begin(), row.end(), tensor.values.begin() + static_cast<ptrdiff_t>(i * num_columns));
    }
  }
  return model;
}

}  // namespace skein::conformance

#endif  // SKEIN_TESTS_CONFORMANCE_QUANTISED_MODEL_H_
