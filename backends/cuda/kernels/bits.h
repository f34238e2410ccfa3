// The bits of a value as a value of another type. For device code alone.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_BITS_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_BITS_H_

#include <cuda_runtime.h>

#include <cstring>

namespace skein::cuda {

// std::bit_cast is for the host alone.
template <typename To, typename From>
__device__ __forceinline__ To BitsAs(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  memcpy(static_cast<void*>(&to), &from, sizeof(To));
  return to;
}

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_BITS_H_
