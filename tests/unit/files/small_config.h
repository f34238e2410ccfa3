// The dimensions of the model whose states the tests read from files.
#ifndef SKEIN_TESTS_UNIT_FILES_SMALL_CONFIG_H_
#define SKEIN_TESTS_UNIT_FILES_SMALL_CONFIG_H_

#include <cstdint>

#include "model/config.h"

namespace skein {

inline constexpr uint32_t kLayers = 2, kHeads = 3, kSize = 2, kWidth = kHeads * kSize;

inline ModelConfig ConfigOf(uint32_t generation, uint32_t variant = 0) {
  ModelConfig config;
  config.generation = generation;
  config.variant = variant;
  config.num_layers = kLayers;
  config.d_model = config.d_att = kWidth;
  config.num_heads = generation == 4 ? 0 : kHeads;
  config.head_size = generation == 4 ? 0 : kSize;
  return config;
}

}  // namespace skein

#endif  // SKEIN_TESTS_UNIT_FILES_SMALL_CONFIG_H_
