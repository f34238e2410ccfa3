// Atomic operations and fences of kernels. The detector knows them apart from plain accesses.
//
// A thread hands what its block wrote before its last barrier to another block by a fence and an atomic operation. The
// other side takes it by an atomic operation at the same address and a fence. Fences are sites as barriers are.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_ATOMICS_H_
#define SKEIN_TESTS_CUDA_EMULATOR_ATOMICS_H_

#include <cstddef>

#include "cuda_emulator/device.h"

namespace skein::emulator {

// Tells the detector of an atomic access by the running kernel.
void AtomicAccess(const void* address, size_t num_bytes);
// A fence between blocks.
void Fence(const char* file, int line);

}  // namespace skein::emulator

#define SKEIN_ATOMICS_OF(type)                              \
  type atomicAdd(type* address, type value);                \
  type atomicMax(type* address, type value);                \
  type atomicMin(type* address, type value);                \
  type atomicExch(type* address, type value);               \
  type atomicCAS(type* address, type expected, type value); \
  type atomicAnd(type* address, type value);                \
  type atomicOr(type* address, type value);                 \
  type atomicXor(type* address, type value);
SKEIN_ATOMICS_OF(int)
SKEIN_ATOMICS_OF(unsigned)
SKEIN_ATOMICS_OF(unsigned long long)  // NOLINT(google-runtime-int)
#undef SKEIN_ATOMICS_OF
int atomicSub(int* address, int value);
unsigned atomicSub(unsigned* address, unsigned value);
unsigned atomicInc(unsigned* address, unsigned limit);
float atomicAdd(float* address, float value);
double atomicAdd(double* address, double value);
float atomicExch(float* address, float value);

inline void __threadfence(SKEIN_CALLED_FROM) { skein::emulator::Fence(file, line); }
inline void __threadfence_block() {}
inline void __threadfence_system() {}

#endif  // SKEIN_TESTS_CUDA_EMULATOR_ATOMICS_H_
