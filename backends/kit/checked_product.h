// Sizes that come from model files, multiplied.
#ifndef SKEIN_BACKENDS_KIT_CHECKED_PRODUCT_H_
#define SKEIN_BACKENDS_KIT_CHECKED_PRODUCT_H_

#include <cstdint>
#include <string>

#include "support/boundary.h"

namespace skein::kit {

// a * b. Throws RESOURCE_EXHAUSTED if that does not fit 64 bits.
inline uint64_t CheckedProduct(uint64_t a, uint64_t b) {
  uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) {
    throw plugin::Error(SKEIN_RESOURCE_EXHAUSTED, "a size overflows: " + std::to_string(a) + " * " + std::to_string(b));
  }
  return product;
}

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_KIT_CHECKED_PRODUCT_H_
