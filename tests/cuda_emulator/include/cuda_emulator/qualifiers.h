// The words that CUDA adds to C++, as a host compiler reads them.
//
// Left out: __noinline__ (a name that the standard library's headers use in attributes) and __CUDA_ARCH__.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_QUALIFIERS_H_
#define SKEIN_TESTS_CUDA_EMULATOR_QUALIFIERS_H_

#define __host__
#define __device__
#define __global__
#define __constant__
#define __grid_constant__
#define __launch_bounds__(...)
#define __forceinline__ inline __attribute__((always_inline))
#define __align__(bytes) __attribute__((aligned(bytes)))
// One block runs at a time on a thread of the host, and the detector finds shared memory by the thread's own storage.
#define __shared__ static thread_local

#endif  // SKEIN_TESTS_CUDA_EMULATOR_QUALIFIERS_H_
