// Kernels for the emulator's own tests: right ones, and ones with a planted fault each.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_TEST_KERNELS_H_
#define SKEIN_TESTS_CUDA_EMULATOR_TEST_KERNELS_H_

#include <cuda_runtime.h>

#include <cstdint>

namespace skein::emulator {

// The fault of a kernel: something left out, or done too much.
enum class Fault { kNone, kNoBarrier, kNoSecondBarrier, kNoWarpBarrier, kNoCopyWait, kNoCopyBarrier, kBounds, kOther };

// out[i] = in[reversed within the block i], through shared memory; blocks of 256 threads.
__global__ void ReverseBlocks(const float* in, float* out, Fault fault);
// out[block] = the sum of the block's 256 inputs, in a tree in shared memory.
__global__ void SumBlocks(const float* in, float* out, Fault fault);
// out[i] = in[i ^ 1] through shared memory within warps.
__global__ void SwapInWarps(const int* in, int* out, Fault fault);
// out[0] = the number of threads, counted one by one; kOther: without atomics.
__global__ void CountThreads(unsigned* out, Fault fault);
// sums[block] = the sum of the block's 64 inputs; the block that comes last puts the sum of `sums` into out[0] and the
// count back to 0. kNoBarrier: every block reads all sums.
__global__ void SumThroughLastBlock(const float* in, float* sums, unsigned* count, float* out, Fault fault);
// Blocks of 64 threads, launched together, that meet between rounds: in each round thread i adds to its own number what
// the thread of the next block had. kNoBarrier: a block does not wait. kNoSecondBarrier: it goes on without its threads
// having met. kOther: the last block never comes.
__global__ void AddNeighbours(const float* in, float* rounds, unsigned long long* count, int num_rounds, Fault fault);
// out[i] = in[i] + 1 for i < count; kBounds: without the check. kOther: every block writes out[0] too.
__global__ void AddOne(const float* in, float* out, int count, Fault fault);
// Each thread copies 16 bytes into shared memory and adds up those of its neighbour; 64 threads.
__global__ void CopyThroughShared(const float4* in, float* out, Fault fault);
// out[i] = what a byte of shared memory held that only some threads wrote.
__global__ void ReadUnwritten(float* out, Fault fault);
// in is read after the wait for the kernel before; kOther: before it.
__global__ void AddOneDependent(const float* in, float* out, int count, Fault fault);
// Threads below the limit end early; the others meet at a barrier. kNoBarrier: some of the others leave it out.
__global__ void EndEarly(int* out, int limit, Fault fault);
// Dynamic shared memory: out[i] = in[count - 1 - i]; kBounds: one element too far.
__global__ void ReverseDynamic(const int* in, int* out, Fault fault);
// Reads an address that is not of the device's memory.
__global__ void ReadNowhere(int* out, uintptr_t address);

// out[i] = the sum of the float4 at 16 i bytes of `in`; kOther: at 16 i + 4.
__global__ void SumFours(const float* in, float* out, Fault fault);

// The results of shuffles, votes and reductions for a block of 32 threads: results, [kNumWarpResults][32].
inline constexpr int kNumWarpResults = 15;
__global__ void WarpOperations(const int* in, int* results);
// Fills each element with its thread's number after a number of barriers.
__global__ void Meet(int* out, int num_barriers);

// d = a·b + d by one warp; a [16][k], b [k][8] as 16-bit numbers, d [16][8].
__global__ void Product16(const uint16_t* a, const uint16_t* b, float* d, bool is_half);
__global__ void Product8(const uint16_t* a, const uint16_t* b, float* d);
// The same for k 8 and numbers that are rounded to tf32.
__global__ void ProductTf32(const float* a, const float* b, float* d);
// results [8][32]: what ldmatrix gives from a [32][8] matrix of 16-bit numbers: x4, x4 transposed (four registers
// each).
__global__ void LoadMatrices(const uint16_t* in, uint32_t* results);
__global__ void LoadMatrices2(const uint16_t* in, uint32_t* results);

template <typename... Parameters, typename... Arguments>
cudaError_t LaunchOn(cudaStream_t stream, dim3 grid, dim3 block, void (*kernel)(Parameters...),
                     const Arguments&... arguments) {
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.stream = stream;
  return cudaLaunchKernelEx(&config, kernel, Parameters(arguments)...);
}

// All blocks at once.
template <typename... Parameters, typename... Arguments>
cudaError_t LaunchTogether(cudaStream_t stream, dim3 grid, dim3 block, void (*kernel)(Parameters...),
                           const Arguments&... arguments) {
  cudaLaunchAttribute attribute = {};
  attribute.id = cudaLaunchAttributeCooperative;
  attribute.val.cooperative = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  return cudaLaunchKernelEx(&config, kernel, Parameters(arguments)...);
}

}  // namespace skein::emulator

#endif  // SKEIN_TESTS_CUDA_EMULATOR_TEST_KERNELS_H_
