#include "cuda_emulator/tensor_core.h"
#include "test_kernels.h"

namespace skein::emulator {

__global__ void ReverseBlocks(const float* in, float* out, Fault fault) {
  __shared__ float values[256];
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  values[threadIdx.x] = in[i];
  if (fault != Fault::kNoBarrier) __syncthreads();
  out[i] = values[blockDim.x - 1 - threadIdx.x];
}

__global__ void SumBlocks(const float* in, float* out, Fault fault) {
  __shared__ float sums[256];
  __shared__ float total;
  sums[threadIdx.x] = in[blockIdx.x * blockDim.x + threadIdx.x];
  if (fault != Fault::kNoBarrier) __syncthreads();
  for (unsigned distance = 128; distance > 0; distance /= 2) {
    if (threadIdx.x < distance) sums[threadIdx.x] += sums[threadIdx.x + distance];
    __syncthreads();
  }
  if (threadIdx.x == 0) total = sums[0];
  if (fault != Fault::kNoSecondBarrier) __syncthreads();
  if (threadIdx.x == 255) out[blockIdx.x] = total;
}

__global__ void SwapInWarps(const int* in, int* out, Fault fault) {
  __shared__ int values[256];
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  values[threadIdx.x] = in[i];
  if (fault != Fault::kNoWarpBarrier) __syncwarp();
  out[i] = values[threadIdx.x ^ 1];
}

__global__ void CountThreads(unsigned* out, Fault fault) {
  if (fault == Fault::kOther) {
    *out = *out + 1;
  } else {
    atomicAdd(out, 1u);
  }
}

__global__ void SumThroughLastBlock(const float* in, float* sums, unsigned* count, float* out, Fault fault) {
  __shared__ bool is_last;
  // A thread other than the one that counts writes the sum.
  if (threadIdx.x == 63) {
    float sum = 0;
    for (unsigned i = 0; i < 64; ++i) sum += in[blockIdx.x * 64 + i];
    sums[blockIdx.x] = sum;
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    __threadfence();
    is_last = atomicInc(count, gridDim.x - 1) == gridDim.x - 1;
    __threadfence();
  }
  __syncthreads();
  if ((!is_last && fault != Fault::kNoBarrier) || threadIdx.x != 5) return;
  float total = 0;
  for (unsigned i = 0; i < gridDim.x; ++i) total += sums[i];
  if (is_last) out[0] = total;
}

__global__ void AddNeighbours(const float* in, float* rounds, unsigned long long* count, int num_rounds, Fault fault) {
  const unsigned width = gridDim.x * 64, own = blockIdx.x * 64 + threadIdx.x;
  if (fault == Fault::kOther && blockIdx.x == gridDim.x - 1) return;
  float x = in[own];
  unsigned long long target = 0;  // NOLINT(google-runtime-int)
  for (int round = 0; round < num_rounds; ++round) {
    rounds[round * width + own] = x;
    if (fault != Fault::kNoSecondBarrier) __syncthreads();
    if (threadIdx.x == 0) {
      const unsigned long long before = cuda::ReleaseAdd(count, 1);  // NOLINT(google-runtime-int)
      if (round == 0) target = before / gridDim.x * gridDim.x;
      target += gridDim.x;
      while (fault != Fault::kNoBarrier && cuda::LoadAcquire(count) < target) {
      }
    }
    __syncthreads();
    x += rounds[round * width + (own + 64) % width];
  }
  rounds[num_rounds * width + own] = x;
}

__global__ void AddOne(const float* in, float* out, int count, Fault fault) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count || fault == Fault::kBounds) out[i] = in[i] + 1;
  if (fault == Fault::kOther && threadIdx.x == 0) out[0] = 1;
}

__global__ void CopyThroughShared(const float4* in, float* out, Fault fault) {
  __shared__ __align__(16) float4 values[64];
  cuda::CopyAsync16(&values[threadIdx.x], &in[threadIdx.x], threadIdx.x != 5);
  cuda::CopyAsyncCommit();
  if (fault != Fault::kNoCopyWait) cuda::CopyAsyncWait<0>();
  if (fault != Fault::kNoCopyBarrier) __syncthreads();
  const float4 v = values[(threadIdx.x + 1) % 64];
  out[threadIdx.x] = v.x + v.y + v.z + v.w;
}

__global__ void ReadUnwritten(float* out, Fault fault) {
  __shared__ float values[64];
  if (threadIdx.x < 63 || fault == Fault::kNone) values[threadIdx.x] = 1;
  __syncthreads();
  out[threadIdx.x] = values[63 - threadIdx.x];
}

__global__ void AddOneDependent(const float* in, float* out, int count, Fault fault) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  float x = 0;
  if (fault == Fault::kOther && i < count) x = in[i];
  cuda::DependencyWait();
  if (fault != Fault::kOther && i < count) x = in[i];
  cuda::DependencyRelease();
  if (i < count) out[i] = x + 1;
}

__global__ void EndEarly(int* out, int limit, Fault fault) {
  const int i = static_cast<int>(threadIdx.x);
  if (i < limit) return;
  if (fault == Fault::kNoBarrier && i % 2 == 0) {
    __syncwarp();
  } else {
    __syncthreads();
  }
  out[i] = i;
}

__global__ void ReverseDynamic(const int* in, int* out, Fault fault) {
  auto* values = static_cast<int*>(DynamicSharedMemory());
  const unsigned count = blockDim.x;
  values[threadIdx.x + (fault == Fault::kBounds ? 1 : 0)] = in[threadIdx.x];
  __syncthreads();
  out[threadIdx.x] = values[count - 1 - threadIdx.x + (fault == Fault::kBounds ? 1 : 0)];
}

__global__ void ReadNowhere(int* out, uintptr_t address) {
  if (threadIdx.x == 3) *out = *reinterpret_cast<const int*>(address);
}

__global__ void SumFours(const float* in, float* out, Fault fault) {
  const float4 v = *reinterpret_cast<const float4*>(in + 4 * threadIdx.x + (fault == Fault::kOther ? 1 : 0));
  out[threadIdx.x] = v.x + v.y + v.z + v.w;
}

__global__ void WarpOperations(const int* in, int* results) {
  constexpr unsigned kAll = 0xFFFFFFFFu;
  const int lane = static_cast<int>(threadIdx.x);
  const int x = in[lane];
  int n = 0;
  const auto add = [&](int value) { results[n++ * 32 + lane] = value; };
  add(__shfl_sync(kAll, x, 7));
  add(__shfl_sync(kAll, x, lane + 3, 8));
  add(__shfl_xor_sync(kAll, x, 5));
  add(__shfl_up_sync(kAll, x, 3));
  add(__shfl_up_sync(kAll, x, 3, 16));
  add(__shfl_down_sync(kAll, x, 4));
  add(__shfl_down_sync(kAll, x, 4, 8));
  add(static_cast<int>(__ballot_sync(kAll, x & 1)));
  add(__any_sync(kAll, x == 31));
  add(__all_sync(kAll, x >= 0));
  add(__reduce_add_sync(kAll, x));
  add(__reduce_max_sync(kAll, -x));
  add(__reduce_min_sync(kAll, x));
  add(static_cast<int>(__shfl_xor_sync(kAll, static_cast<double>(x), 1)));
  // Half of the warp alone.
  add(lane < 16 ? __shfl_xor_sync(0xFFFFu, x, 1) : -1);
}

__global__ void Meet(int* out, int num_barriers) {
  for (int i = 0; i < num_barriers; ++i) __syncthreads();
  out[blockIdx.x * blockDim.x + threadIdx.x] = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
}

namespace {

uint32_t Pair(const uint16_t* low, const uint16_t* high) { return *low | static_cast<uint32_t>(*high) << 16; }

}  // namespace

__global__ void Product16(const uint16_t* a, const uint16_t* b, float* d, bool is_half) {
  const unsigned quad = threadIdx.x / 4, place = threadIdx.x % 4;
  const auto at = [a](unsigned row, unsigned column) { return a + row * 16 + column; };
  const auto bt = [b](unsigned row, unsigned column) { return b + row * 8 + column; };
  // Fragment layouts as drawn in the PTX manual, "Matrix Fragments for mma.m16n8k16".
  const uint32_t fa[4] = {Pair(at(quad, place * 2), at(quad, place * 2 + 1)),
                          Pair(at(quad + 8, place * 2), at(quad + 8, place * 2 + 1)),
                          Pair(at(quad, place * 2 + 8), at(quad, place * 2 + 9)),
                          Pair(at(quad + 8, place * 2 + 8), at(quad + 8, place * 2 + 9))};
  const uint32_t fb[2] = {Pair(bt(place * 2, quad), bt(place * 2 + 1, quad)),
                          Pair(bt(place * 2 + 8, quad), bt(place * 2 + 9, quad))};
  float fd[4] = {d[quad * 8 + place * 2], d[quad * 8 + place * 2 + 1], d[(quad + 8) * 8 + place * 2],
                 d[(quad + 8) * 8 + place * 2 + 1]};
  if (is_half) {
    cuda::MmaM16N8K16(fd, fa, fb, cuda::Half{});
  } else {
    cuda::MmaM16N8K16(fd, fa, fb, cuda::Bf16{});
  }
  d[quad * 8 + place * 2] = fd[0];
  d[quad * 8 + place * 2 + 1] = fd[1];
  d[(quad + 8) * 8 + place * 2] = fd[2];
  d[(quad + 8) * 8 + place * 2 + 1] = fd[3];
}

__global__ void Product8(const uint16_t* a, const uint16_t* b, float* d) {
  const unsigned quad = threadIdx.x / 4, place = threadIdx.x % 4;
  const uint32_t fa[2] = {Pair(a + quad * 8 + place * 2, a + quad * 8 + place * 2 + 1),
                          Pair(a + (quad + 8) * 8 + place * 2, a + (quad + 8) * 8 + place * 2 + 1)};
  const uint32_t fb[1] = {Pair(b + place * 2 * 8 + quad, b + (place * 2 + 1) * 8 + quad)};
  float fd[4] = {d[quad * 8 + place * 2], d[quad * 8 + place * 2 + 1], d[(quad + 8) * 8 + place * 2],
                 d[(quad + 8) * 8 + place * 2 + 1]};
  cuda::MmaM16N8K8(fd, fa, fb, cuda::Half{});
  d[quad * 8 + place * 2] = fd[0];
  d[quad * 8 + place * 2 + 1] = fd[1];
  d[(quad + 8) * 8 + place * 2] = fd[2];
  d[(quad + 8) * 8 + place * 2 + 1] = fd[3];
}

__global__ void ProductTf32(const float* a, const float* b, float* d) {
  const unsigned quad = threadIdx.x / 4, place = threadIdx.x % 4;
  uint32_t fa[4], fb[2];
  for (unsigned i = 0; i < 4; ++i) fa[i] = cuda::RoundedToTf32(a[(quad + i % 2 * 8) * 8 + place + i / 2 * 4]);
  for (unsigned i = 0; i < 2; ++i) fb[i] = cuda::RoundedToTf32(b[(place + i * 4) * 8 + quad]);
  float fd[4];
  for (unsigned i = 0; i < 4; ++i) fd[i] = d[(quad + i / 2 * 8) * 8 + place * 2 + i % 2];
  cuda::MmaM16N8K8(fd, fa, fb);
  for (unsigned i = 0; i < 4; ++i) d[(quad + i / 2 * 8) * 8 + place * 2 + i % 2] = fd[i];
}

__global__ void LoadMatrices(const uint16_t* in, uint32_t* results) {
  __shared__ __align__(16) uint16_t matrix[32 * 8];
  for (unsigned i = threadIdx.x; i < 32 * 8; i += 32) matrix[i] = in[i];
  __syncwarp();
  uint32_t plain[4], transposed[4];
  cuda::LoadMatrixX4(plain, matrix + threadIdx.x * 8);
  cuda::LoadMatrixX4Transposed(transposed, matrix + threadIdx.x * 8);
  for (unsigned i = 0; i < 4; ++i) {
    results[i * 32 + threadIdx.x] = plain[i];
    results[(4 + i) * 32 + threadIdx.x] = transposed[i];
  }
}

__global__ void LoadMatrices2(const uint16_t* in, uint32_t* results) {
  __shared__ __align__(16) uint16_t matrix[16 * 8];
  for (unsigned i = threadIdx.x; i < 16 * 8; i += 32) matrix[i] = in[i];
  __syncwarp();
  uint32_t plain[2], transposed[2];
  cuda::LoadMatrixX2(plain, matrix + threadIdx.x % 16 * 8);
  cuda::LoadMatrixX2Transposed(transposed, matrix + threadIdx.x % 16 * 8);
  for (unsigned i = 0; i < 2; ++i) {
    results[i * 32 + threadIdx.x] = plain[i];
    results[(2 + i) * 32 + threadIdx.x] = transposed[i];
  }
}

}  // namespace skein::emulator
