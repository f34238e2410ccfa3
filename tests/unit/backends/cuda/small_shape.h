// The shape of the model in the tests of segments: two layers that run in a moment on an emulated device.
#ifndef SKEIN_TESTS_UNIT_BACKENDS_CUDA_SMALL_SHAPE_H_
#define SKEIN_TESTS_UNIT_BACKENDS_CUDA_SMALL_SHAPE_H_

#include <cstdint>

#include "skein/dtype.h"
#include "tests/conformance/synthetic_model.h"

namespace skein::cuda {

inline constexpr uint32_t kVocabulary = 77;

inline conformance::SyntheticShape Shape(uint32_t generation = 7) {
  const bool is_7 = generation == 7;
  return {.name = "Small",
          .generation = generation,
          .num_layers = 2,
          .d_model = 64,
          .head_size = 32,
          .d_ffn = 96,
          .vocab_size = kVocabulary,
          .rank_mix = generation == 6 ? 8u : 0u,
          .rank_decay = 8,
          .rank_iclr = is_7 ? 8u : 0u,
          .rank_value = is_7 ? 8u : 0u,
          .rank_gate = is_7 ? 16u : 0u,
          .matrix_types = {SKEIN_DTYPE_F16}};
}

}  // namespace skein::cuda

#endif  // SKEIN_TESTS_UNIT_BACKENDS_CUDA_SMALL_SHAPE_H_
