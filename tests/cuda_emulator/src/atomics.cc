#include "cuda_emulator/atomics.h"

#include <algorithm>

namespace {

// The host may look at mapped memory meanwhile: a real atomic operation.
template <typename T, typename Change>
T AtomicChange(T* address, Change change) {
  skein::emulator::AtomicAccess(address, sizeof(T));
  T old;
  __atomic_load(address, &old, __ATOMIC_RELAXED);
  T desired = change(old);
  while (!__atomic_compare_exchange(address, &old, &desired, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    desired = change(old);
  }
  return old;
}

}  // namespace

#define SKEIN_ATOMIC(name, type, expression)                                        \
  type name(type* address, type value) {                                            \
    return AtomicChange(address, [value](type old) -> type { return expression; }); \
  }
#define SKEIN_ATOMICS_OF(type)                                                                           \
  SKEIN_ATOMIC(atomicAdd, type, old + value)                                                             \
  SKEIN_ATOMIC(atomicMax, type, std::max(old, value))                                                    \
  SKEIN_ATOMIC(atomicMin, type, std::min(old, value))                                                    \
  SKEIN_ATOMIC(atomicAnd, type, old& value)                                                              \
  SKEIN_ATOMIC(atomicOr, type, old | value)                                                              \
  SKEIN_ATOMIC(atomicXor, type, old ^ value)                                                             \
  type atomicExch(type* address, type value) {                                                           \
    return AtomicChange(address, [value](type) { return value; });                                       \
  }                                                                                                      \
  type atomicCAS(type* address, type expected, type value) {                                             \
    return AtomicChange(address, [expected, value](type old) { return old == expected ? value : old; }); \
  }
SKEIN_ATOMICS_OF(int)
SKEIN_ATOMICS_OF(unsigned)
SKEIN_ATOMICS_OF(unsigned long long)  // NOLINT(google-runtime-int)
SKEIN_ATOMIC(atomicSub, int, old - value)
SKEIN_ATOMIC(atomicSub, unsigned, old - value)
SKEIN_ATOMIC(atomicAdd, float, old + value)
SKEIN_ATOMIC(atomicAdd, double, old + value)

unsigned atomicInc(unsigned* address, unsigned limit) {
  return AtomicChange(address, [limit](unsigned old) { return old >= limit ? 0 : old + 1; });
}

float atomicExch(float* address, float value) {
  return AtomicChange(address, [value](float) { return value; });
}
