// The shape of the model in the tests of segments: two layers that run in a moment on an emulated device.
#ifndef SKEIN_TESTS_UNIT_BACKENDS_CUDA_SMALL_SHAPE_H_
#define SKEIN_TESTS_UNIT_BACKENDS_CUDA_SMALL_SHAPE_H_

#include <cstdint>

#include "skein/dtype.h"
#include "tests/conformance/synthetic_model.h"

namespace skein::cuda {

inline constexpr uint32_t kVocabulary = 77;

inline conformance::SyntheticShape Shape() {
  return {.name = "Small",
          .generation = 7,
          .num_layers = 2,
          .d_model = 64,
          .head_size = 32,
          .d_ffn = 96,
          .vocab_size = kVocabulary,
          .rank_decay = 8,
          .rank_iclr = 8,
          .rank_value = 8,
          .rank_gate = 16,
          .matrix_types = {SKEIN_DTYPE_F16}};
}

}  // namespace skein::cuda

#endif  // SKEIN_TESTS_UNIT_BACKENDS_CUDA_SMALL_SHAPE_H_
