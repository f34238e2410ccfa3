// The instructions of backends/cuda/kernels/instructions.h in C++: products of a warp, loads of matrices, copies into
// shared memory that go on by themselves, the wait for the kernel before, and what blocks meet by. Lane layouts are
// those of the PTX manual.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_TENSOR_CORE_H_
#define SKEIN_TESTS_CUDA_EMULATOR_TENSOR_CORE_H_

#include <cstdint>
#include <cstring>

#include "cuda_emulator/device.h"

namespace skein::emulator {

enum class MmaInput { kHalf, kBfloat16, kTf32 };

// d += a·b for a of 16 x k, b of k x 8, k 8 or 16; for tf32 8.
void Mma(MmaInput input, int k, float* d, const uint32_t* a, const uint32_t* b, const char* file, int line);
void LoadMatrix(int num_matrices, bool transposed, uint32_t* d, const void* row, const char* file, int line);
bool HasAsyncCopies();
void CopyAsync(void* shared, const void* global, unsigned num_bytes, bool valid, const char* file, int line);
void CopyAsyncCommit();
void CopyAsyncWait(int num_groups, const char* file, int line);
void DependencyWait(const char* file, int line);
void DependencyRelease();
unsigned long long ReleaseAdd(unsigned long long* counter, unsigned long long n, const char* file, int line);  // NOLINT
unsigned long long LoadAcquire(const unsigned long long* counter, const char* file, int line);                 // NOLINT

}  // namespace skein::emulator

namespace skein::cuda {

using emulator::DynamicSharedMemory;

// lop3.b32 with the table of (a & b) | c.
inline uint32_t MaskedOr(uint32_t x, uint32_t mask, uint32_t bits) { return (x & mask) | bits; }

// The type of the inputs of a product.
struct Half {};
struct Bf16 {};

// d += a·b, a 16 x 16, b 16 x 8, d 16 x 8: mma.sync.aligned.m16n8k16.row.col.f32.{f16,bf16}.
inline void MmaM16N8K16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Half, SKEIN_CALLED_FROM) {
  emulator::Mma(emulator::MmaInput::kHalf, 16, d, a, b, file, line);
}
inline void MmaM16N8K16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Bf16, SKEIN_CALLED_FROM) {
  emulator::Mma(emulator::MmaInput::kBfloat16, 16, d, a, b, file, line);
}
// d += a·b, a 16 x 8, b 8 x 8: mma.sync.aligned.m16n8k8.row.col.f32.f16.
inline void MmaM16N8K8(float (&d)[4], const uint32_t (&a)[2], const uint32_t (&b)[1], Half, SKEIN_CALLED_FROM) {
  emulator::Mma(emulator::MmaInput::kHalf, 8, d, a, b, file, line);
}

// d += a·b, a 16 x 8, b 8 x 8, of tf32: mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32.
inline void MmaM16N8K8(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], SKEIN_CALLED_FROM) {
  emulator::Mma(emulator::MmaInput::kTf32, 8, d, a, b, file, line);
}
// cvt.rna.tf32.f32: to the nearest number with 10 bits of mantissa, ties away from zero.
inline uint32_t RoundedToTf32(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  return x - x == 0 ? (bits + 0x1000u) & ~0x1FFFu : bits;
}

// ldmatrix.sync.aligned.m8n8.{x4,x2}[.trans].shared.b16: lane i gives the address of row i % 8 of matrix i / 8.
inline void LoadMatrixX4(uint32_t (&d)[4], const void* shared_row, SKEIN_CALLED_FROM) {
  emulator::LoadMatrix(4, false, d, shared_row, file, line);
}
inline void LoadMatrixX2(uint32_t (&d)[2], const void* shared_row, SKEIN_CALLED_FROM) {
  emulator::LoadMatrix(2, false, d, shared_row, file, line);
}
inline void LoadMatrixX4Transposed(uint32_t (&d)[4], const void* shared_row, SKEIN_CALLED_FROM) {
  emulator::LoadMatrix(4, true, d, shared_row, file, line);
}
inline void LoadMatrixX2Transposed(uint32_t (&d)[2], const void* shared_row, SKEIN_CALLED_FROM) {
  emulator::LoadMatrix(2, true, d, shared_row, file, line);
}

// Whether the device copies as follows.
inline bool HasAsyncCopies() { return emulator::HasAsyncCopies(); }

// cp.async.cg.shared.global of 16 bytes; zeros if not valid. The bytes are there after the wait for their group, for
// the thread that waited.
inline void CopyAsync16(void* shared, const void* global, bool valid, SKEIN_CALLED_FROM) {
  emulator::CopyAsync(shared, global, 16, valid, file, line);
}
inline void CopyAsyncCommit() { emulator::CopyAsyncCommit(); }
// Waits until at most kGroups of the committed groups are still under way.
template <int kGroups>
inline void CopyAsyncWait(SKEIN_CALLED_FROM) {
  emulator::CopyAsyncWait(kGroups, file, line);
}

// griddepcontrol.wait and griddepcontrol.launch_dependents.
inline void DependencyWait(SKEIN_CALLED_FROM) { emulator::DependencyWait(file, line); }
inline void DependencyRelease() { emulator::DependencyRelease(); }

// atom.release.gpu.add.u64 and ld.acquire.gpu.u64. A thread that looks for a number gives others their turn first. One
// that is left out sees the greatest number: its wait has ended.
inline unsigned long long ReleaseAdd(unsigned long long* counter, unsigned long long n, SKEIN_CALLED_FROM) {  // NOLINT
  return emulator::ReleaseAdd(counter, n, file, line);
}
inline unsigned long long LoadAcquire(const unsigned long long* counter, SKEIN_CALLED_FROM) {  // NOLINT
  return emulator::LoadAcquire(counter, file, line);
}

}  // namespace skein::cuda

#endif  // SKEIN_TESTS_CUDA_EMULATOR_TENSOR_CORE_H_
