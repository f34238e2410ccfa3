// The instructions that C++ has no name for: bits that are taken out and put together, matrix products of a warp,
// copies into shared memory that go on by themselves, the wait for the kernel before, and what blocks meet by. All
// inline assembly of the kernels is here. Lane layouts are those of the PTX manual. The emulator has the same functions
// in C++.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_INSTRUCTIONS_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_INSTRUCTIONS_H_

#ifdef SKEIN_CUDA_EMULATOR
#include "cuda_emulator/tensor_core.h"
#else

#include <cuda_runtime.h>

#include <cstdint>

namespace skein::cuda {

// (x & mask) | bits. A compiler that knows both constants makes two instructions of it, since one takes one constant.
__device__ __forceinline__ uint32_t MaskedOr(uint32_t x, uint32_t mask, uint32_t bits) {
  uint32_t y;
  asm("lop3.b32 %0, %1, %2, %3, 0xEA;" : "=r"(y) : "r"(x), "r"(mask), "r"(bits));
  return y;
}

// The type of the elements of a product of a warp.
struct Half {};
struct Bf16 {};

// A processor before 8.0 has none of what needs 8.0: no kernel that calls it is launched there.
__device__ __forceinline__ void NotOnThisProcessor() { __trap(); }

// The mma instruction of a shape and types, for a, b and d of the function around it. The name of an instruction is
// part of a string literal, which a template's argument cannot be.
#if __CUDA_ARCH__ >= 800
#define SKEIN_WARP_PRODUCT(kind)                                                                           \
  asm volatile("mma.sync.aligned." kind " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};" \
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])                                            \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]))
#else
#define SKEIN_WARP_PRODUCT(kind) NotOnThisProcessor()
#endif

// d += a b for a [16, 16], b [16, 8] and d [16, 8]: mma.m16n8k16. Lane l, with g = l / 4 and t = l % 4, holds
//   a: rows g, g + 8, g, g + 8 of columns 2t and 2t + 1, the last two of columns 2t + 8 and 2t + 9
//   b: rows 2t and 2t + 1, then 2t + 8 and 2t + 9, of column g
//   d: columns 2t and 2t + 1 of row g, then of row g + 8
// The element with the lower index is in the lower half of a word. From 8.0 on.
__device__ __forceinline__ void MmaM16N8K16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Half) {
  SKEIN_WARP_PRODUCT("m16n8k16.row.col.f32.f16.f16.f32");
}
__device__ __forceinline__ void MmaM16N8K16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Bf16) {
  SKEIN_WARP_PRODUCT("m16n8k16.row.col.f32.bf16.bf16.f32");
}

// The bits of the nearest number that tf32 has, which is float32 with 10 bits of mantissa. From 8.0 on.
__device__ __forceinline__ uint32_t RoundedToTf32(float x) {
  uint32_t bits = 0;
#if __CUDA_ARCH__ >= 800
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
#else
  NotOnThisProcessor();
#endif
  return bits;
}

// d += a b for a [16, 8], b [8, 8] and d [16, 8], elements of a and b tf32: mma.m16n8k8. Lane l, with g = l / 4 and
// t = l % 4, holds
//   a: rows g and g + 8 of column t, then of column t + 4
//   b: rows t and t + 4 of column g
//   d: as above
// From 8.0 on.
__device__ __forceinline__ void MmaM16N8K8(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  SKEIN_WARP_PRODUCT("m16n8k8.row.col.f32.tf32.tf32.f32");
}

#undef SKEIN_WARP_PRODUCT

// The block's shared memory beside what the kernel names, as much as its launch asks for.
__device__ __forceinline__ void* DynamicSharedMemory() {
  extern __shared__ __align__(16) unsigned char dynamic_shared[];
  return dynamic_shared;
}

__device__ __forceinline__ uint32_t SharedAddress(const void* shared) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(shared));
}

// Matrices of 8 x 8 elements of two bytes from shared memory: ldmatrix. Lanes 8i to 8i + 7 give the addresses of the
// rows of matrix i, 16 bytes each and so aligned. Lane l gets of each matrix, in d[i], elements 2 (l % 4) and the next
// of row l / 4.
__device__ __forceinline__ void LoadMatrixX4(uint32_t (&d)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
               : "r"(SharedAddress(row))
               : "memory");
}

// Two matrices; the addresses of lanes 16 to 31 are not looked at.
__device__ __forceinline__ void LoadMatrixX2(uint32_t (&d)[2], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
               : "=r"(d[0]), "=r"(d[1])
               : "r"(SharedAddress(row))
               : "memory");
}

// Whether the processor copies as follows. Known to the compiler.
__device__ __forceinline__ constexpr bool HasAsyncCopies() {
#if __CUDA_ARCH__ >= 800
  return true;
#else
  return false;
#endif
}

// Starts a copy of 16 bytes, both addresses aligned to 16, that passes the first level cache. Not `valid`: nothing is
// read, and zeros are written. The bytes are there for the thread after CopyAsyncWait, for others after a barrier
// behind it. From 8.0 on.
__device__ __forceinline__ void CopyAsync16(void* shared, const void* global, bool valid) {
#if __CUDA_ARCH__ >= 800
  const uint32_t num_bytes = valid ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(SharedAddress(shared)),
               "l"(__cvta_generic_to_global(global)), "r"(num_bytes)
               : "memory");
#else
  NotOnThisProcessor();
#endif
}

// Makes a group of the thread's copies since the last commit. A group may be empty.
__device__ __forceinline__ void CopyAsyncCommit() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// Waits until all but the kPending last groups of the thread have ended.
template <int kPending>
__device__ __forceinline__ void CopyAsyncWait() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
#endif
}

// Waits until the kernels before this one in the queue have ended and their results can be read. No effect without
// dependent launch.
__device__ __forceinline__ void DependencyWait() {
#if __CUDA_ARCH__ >= 900
  cudaGridDependencySynchronize();
#endif
}

// From here on the next kernel may start. It still waits for this one's end at its own DependencyWait. Called behind
// this kernel's own wait: so the next kernel finds, even before its wait, what the kernels before this one wrote. The
// recurrences rely on that for the states and the batch (wkv5.cu, wkv7.cu).
__device__ __forceinline__ void DependencyRelease() {
#if __CUDA_ARCH__ >= 900
  cudaTriggerProgrammaticLaunchCompletion();
#endif
}

// Adds to a counter in the device's memory, and gives what it was. Whoever then acquires the counter sees what this
// thread has seen and done before, and what its block has before their last barrier. 64 bits never wrap around.
__device__ __forceinline__ unsigned long long ReleaseAdd(unsigned long long* counter, unsigned long long n) {
  unsigned long long before;
  asm volatile("atom.release.gpu.global.add.u64 %0, [%1], %2;"
               : "=l"(before)
               : "l"(__cvta_generic_to_global(counter)), "l"(n)
               : "memory");
  return before;
}
__device__ __forceinline__ unsigned long long LoadAcquire(const unsigned long long* counter) {
  unsigned long long value;
  asm volatile("ld.acquire.gpu.global.u64 %0, [%1];" : "=l"(value) : "l"(__cvta_generic_to_global(counter)) : "memory");
  return value;
}

}  // namespace skein::cuda

#endif  // SKEIN_CUDA_EMULATOR

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_INSTRUCTIONS_H_
