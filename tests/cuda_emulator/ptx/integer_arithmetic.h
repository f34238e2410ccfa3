// What operations of one lane and of all lanes of a warp do with integers.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_PTX_INTEGER_ARITHMETIC_H_
#define SKEIN_TESTS_CUDA_EMULATOR_PTX_INTEGER_ARITHMETIC_H_

#include <algorithm>
#include <cstdint>
#include <type_traits>

namespace skein::emulator::ptx {

// Integers wrap around: by the arithmetic of unsigned ones, 16 bits by that of 32.
template <typename T>
using Wrapping = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

struct Add {
  template <typename T>
  T operator()(T a, T b) const {
    return static_cast<T>(static_cast<Wrapping<T>>(a) + static_cast<Wrapping<T>>(b));
  }
};
struct Min {
  template <typename T>
  T operator()(T a, T b) const {
    return std::min(a, b);
  }
};
struct Max {
  template <typename T>
  T operator()(T a, T b) const {
    return std::max(a, b);
  }
};

}  // namespace skein::emulator::ptx

#endif  // SKEIN_TESTS_CUDA_EMULATOR_PTX_INTEGER_ARITHMETIC_H_
