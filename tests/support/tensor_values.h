// The values of a model's tensors.
#ifndef SKEIN_TESTS_SUPPORT_TENSOR_VALUES_H_
#define SKEIN_TESTS_SUPPORT_TENSOR_VALUES_H_

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "model/model_file.h"
#include "skein/backend.h"

namespace skein::testing {

// Tensor `index` as float32; no values, and a failure of the test, if it cannot be read.
inline std::vector<float> TensorValues(const ModelFile& model, size_t index) {
  std::vector<uint8_t> buffer;
  const auto data = model.ReadTensor(index, SKEIN_DTYPE_F32, buffer);
  EXPECT_TRUE(data.ok()) << data.status();
  if (!data.ok()) return {};
  std::vector<float> values(data->size_bytes / sizeof(float));
  std::memcpy(values.data(), data->data, data->size_bytes);
  return values;
}

}  // namespace skein::testing

#endif  // SKEIN_TESTS_SUPPORT_TENSOR_VALUES_H_
