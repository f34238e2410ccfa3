// Running states as the rwkv pip package gives them, in a file.
#ifndef SKEIN_TESTS_INTEGRATION_RUNNING_STATE_FILE_H_
#define SKEIN_TESTS_INTEGRATION_RUNNING_STATE_FILE_H_

#include <cstdint>
#include <functional>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "tests/integration/dense_weights.h"

namespace skein::test {

// As torch.save writes a list of tensors.
inline void WriteList(const std::string& path, const std::vector<Dense>& tensors) {
  PickleWriter pickle;
  std::vector<Bytes> storages;
  pickle.Raw("](");
  for (const Dense& dense : tensors) {
    const std::vector<int64_t> shape(dense.shape.begin(), dense.shape.end());
    std::vector<int64_t> strides(shape.size(), 1);
    for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
    pickle.Tensor("FloatStorage", std::to_string(storages.size()), static_cast<int64_t>(dense.values.size()), 0, shape,
                  strides);
    storages.push_back(Floats(dense.values));
  }
  WriteBytes(path, PthFile(pickle.Raw("e").Finish(), storages));
}

// Takes the next tensor of `shape` off the front of `rest`.
inline Dense TakeOff(std::vector<float>* rest, std::vector<uint64_t> shape) {
  const uint64_t size = std::accumulate(shape.begin(), shape.end(), uint64_t{1}, std::multiplies<>());
  Dense dense = {std::move(shape), {rest->begin(), rest->begin() + static_cast<ptrdiff_t>(size)}};
  rest->erase(rest->begin(), rest->begin() + static_cast<ptrdiff_t>(size));
  return dense;
}

// The package's order of the tensors of all layers, from the layout of tests/data/README.md.
inline std::vector<Dense> AsList(const skein_model_info& info, std::vector<float> state) {
  std::vector<Dense> list;
  for (uint32_t layer = 0; layer < info.num_layers; ++layer) {
    const Dense att_shift = TakeOff(&state, {info.d_model});
    const Dense ffn_shift = TakeOff(&state, {info.d_model});
    list.push_back(att_shift);
    if (info.generation == 4) {
      for (int i = 0; i < 3; ++i) list.push_back(TakeOff(&state, {info.d_att}));
    } else {
      list.push_back(TakeOff(&state, {info.num_heads, info.head_size, info.head_size}));
    }
    list.push_back(ffn_shift);
  }
  EXPECT_TRUE(state.empty());
  return list;
}

}  // namespace skein::test

#endif  // SKEIN_TESTS_INTEGRATION_RUNNING_STATE_FILE_H_
