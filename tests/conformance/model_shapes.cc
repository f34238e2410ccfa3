#include "tests/conformance/model_shapes.h"

#include <cmath>

namespace skein::conformance {

std::vector<SyntheticShape> AllShapes() {
  constexpr uint32_t kF32 = SKEIN_DTYPE_F32, kF16 = SKEIN_DTYPE_F16, kBf16 = SKEIN_DTYPE_BF16;
  // clang-format off
  return {
      // generation, variant, L, C, A, N, F, V, ranks m w a v g, matrix types
      {"Rwkv4Odd", 4, 0, 3, 96, 160, 0, 200, 77, 0, 0, 0, 0, 0, {kF32}},
      {"Rwkv4Bf16", 4, 0, 2, 64, 64, 0, 256, 50, 0, 0, 0, 0, 0, {kBf16}},
      {"Rwkv4Narrow", 4, 0, 2, 33, 17, 0, 31, 19, 0, 0, 0, 0, 0, {kF16, kF32, kBf16}},
      {"Rwkv4OneLayer", 4, 0, 1, 128, 128, 0, 512, 300, 0, 0, 0, 0, 0, {kF16}},

      {"Rwkv50HeadOf16", 5, 0, 3, 80, 96, 16, 200, 77, 0, 0, 0, 0, 0, {kF32}},
      {"Rwkv50OneHead", 5, 0, 2, 40, 32, 32, 97, 50, 0, 0, 0, 0, 0, {kF16, kBf16}},
      {"Rwkv50Bf16", 5, 0, 2, 64, 64, 32, 224, 50, 0, 0, 0, 0, 0, {kBf16}},
      {"Rwkv51HeadOf24", 5, 1, 3, 72, 72, 24, 130, 77, 0, 0, 0, 0, 0, {kF32}},
      {"Rwkv51OneHead", 5, 1, 2, 24, 40, 40, 67, 33, 0, 0, 0, 0, 0, {kBf16, kF16, kF32}},
      {"Rwkv52Odd", 5, 2, 3, 192, 192, 64, 672, 77, 0, 0, 0, 0, 0, {kF32}},
      {"Rwkv52Bf16", 5, 2, 2, 64, 64, 32, 224, 50, 0, 0, 0, 0, 0, {kBf16}},
      {"Rwkv52HeadOf8", 5, 2, 3, 40, 64, 8, 101, 33, 0, 0, 0, 0, 0, {kF16, kF32}},
      {"Rwkv52OneHead", 5, 2, 2, 64, 64, 64, 100, 50, 0, 0, 0, 0, 0, {kF32}, 1e-5f},

      {"Rwkv6Odd", 6, 0, 3, 192, 192, 64, 672, 77, 24, 40, 0, 0, 0, {kF32}},
      {"Rwkv6Bf16", 6, 0, 2, 64, 64, 32, 224, 50, 8, 16, 0, 0, 0, {kBf16}},
      {"Rwkv6HeadOf5", 6, 0, 2, 15, 25, 5, 31, 17, 1, 2, 0, 0, 0, {kF32}},
      {"Rwkv6OneHead", 6, 0, 2, 72, 64, 64, 97, 130, 5, 7, 0, 0, 0, {kBf16, kF16, kF32}},
      {"Rwkv6OneLayer", 6, 0, 1, 128, 128, 32, 448, 300, 32, 64, 0, 0, 0, {kF16}},

      {"Rwkv7Odd", 7, 0, 3, 192, 192, 64, 768, 77, 0, 24, 16, 8, 20, {kF32}},
      {"Rwkv7OddF16", 7, 0, 3, 192, 192, 64, 768, 77, 0, 24, 16, 8, 20, {kF16}},
      {"Rwkv7OddBf16", 7, 0, 3, 192, 192, 64, 768, 77, 0, 24, 16, 8, 20, {kBf16}},
      {"Rwkv7OneHead", 7, 0, 2, 64, 64, 64, 100, 50, 0, 8, 8, 4, 12, {kF32, kBf16, kF16}},
      {"Rwkv7HeadOf16", 7, 0, 3, 48, 48, 16, 200, 33, 0, 16, 8, 8, 16, {kF16, kF32}},
      {"Rwkv7HeadOf24", 7, 0, 2, 72, 72, 24, 97, 130, 0, 5, 3, 7, 9, {kBf16, kF16, kF32}},
      {"Rwkv7HeadOf5", 7, 0, 2, 15, 15, 5, 31, 17, 0, 1, 2, 3, 1, {kF32}},
      {"Rwkv7OneLayer", 7, 0, 1, 128, 128, 32, 512, 300, 0, 32, 32, 1, 32, {kBf16}},
  };
  // clang-format on
}

std::vector<SyntheticShape> SmallShapes() {
  const std::vector<uint32_t> types = {SKEIN_DTYPE_F32, SKEIN_DTYPE_BF16};
  // clang-format off
  return {
      // generation, variant, L, C, A, N, F, V, ranks m w a v g
      {"Rwkv4", 4, 0, 2, 64, 96, 0, 96, 40, 0, 0, 0, 0, 0, types},
      {"Rwkv50", 5, 0, 2, 64, 96, 32, 96, 40, 0, 0, 0, 0, 0, types},
      {"Rwkv51", 5, 1, 2, 64, 96, 32, 96, 40, 0, 0, 0, 0, 0, types},
      {"Rwkv52", 5, 2, 2, 64, 96, 32, 96, 40, 0, 0, 0, 0, 0, types},
      {"Rwkv6", 6, 0, 2, 64, 96, 32, 96, 40, 4, 8, 0, 0, 0, types},
      {"Rwkv7", 7, 0, 2, 64, 64, 32, 96, 40, 0, 8, 8, 4, 12, types},
  };
  // clang-format on
}

std::vector<SyntheticShape> ShapesOf(uint32_t generation) {
  std::vector<SyntheticShape> shapes;
  for (const SyntheticShape& shape : AllShapes()) {
    if (shape.generation == generation) shapes.push_back(shape);
  }
  return shapes;
}

double MaxDifference(const std::vector<float>& found, const std::vector<float>& expected) {
  if (found.size() != expected.size()) return INFINITY;
  double worst = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    const double difference = std::fabs(double{found[i]} - double{expected[i]});
    if (!(difference <= worst)) worst = difference;  // also NaN
  }
  return worst;
}

}  // namespace skein::conformance
