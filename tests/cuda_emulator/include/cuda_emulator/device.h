// The surroundings of a kernel's thread: its place in the grid, barriers, and the operations of a warp.
//
// Barriers know the line they are called from, so that a test can make one of them do nothing (control.h). A function
// that calls a barrier is one site for all its callers.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_DEVICE_H_
#define SKEIN_TESTS_CUDA_EMULATOR_DEVICE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "cuda_emulator/qualifiers.h"
#include "cuda_emulator/vector_types.h"

namespace skein::emulator {

enum class BlockVote { kCount, kAnd, kOr };
enum class ShuffleKind { kIndex, kXor, kUp, kDown };
enum class WarpReduction { kAdd, kMin, kMax, kAnd, kOr, kXor };

void SyncThreads(const char* file, int line);
int SyncThreadsVote(BlockVote vote, int predicate, const char* file, int line);
void SyncWarp(unsigned mask, const char* file, int line);
uint64_t Shuffle(ShuffleKind kind, unsigned mask, uint64_t bits, int operand, int width, const char* file, int line);
unsigned Ballot(unsigned mask, int predicate, const char* file, int line);
unsigned ActiveMask();
unsigned ReduceUnsigned(WarpReduction reduction, unsigned mask, unsigned value, const char* file, int line);
int ReduceSigned(WarpReduction reduction, unsigned mask, int value, const char* file, int line);
uint64_t MatchAny(unsigned mask, uint64_t bits, const char* file, int line);

// The block's dynamic shared memory: what `extern __shared__` names in CUDA.
void* DynamicSharedMemory();

// Writes a message to the standard error and ends the launch with cudaErrorLaunchFailure.
[[noreturn]] void Trap(const char* file, int line);

template <typename T>
inline T ShuffleValue(ShuffleKind kind, unsigned mask, T value, int operand, int width, const char* file, int line) {
  static_assert(sizeof(T) <= sizeof(uint64_t) && std::is_trivially_copyable_v<T>);
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = Shuffle(kind, mask, bits, operand, width, file, line);
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

}  // namespace skein::emulator

// Of the thread of a kernel that runs now. One runs at a time in the whole process.
extern uint3 threadIdx;
extern uint3 blockIdx;
extern dim3 blockDim;
extern dim3 gridDim;
inline constexpr int warpSize = 32;

// The caller's line, as default arguments.
#define SKEIN_CALLED_FROM const char *file = __builtin_FILE(), int line = __builtin_LINE()

inline void __syncthreads(SKEIN_CALLED_FROM) { skein::emulator::SyncThreads(file, line); }
inline int __syncthreads_count(int predicate, SKEIN_CALLED_FROM) {
  return skein::emulator::SyncThreadsVote(skein::emulator::BlockVote::kCount, predicate, file, line);
}
inline int __syncthreads_and(int predicate, SKEIN_CALLED_FROM) {
  return skein::emulator::SyncThreadsVote(skein::emulator::BlockVote::kAnd, predicate, file, line);
}
inline int __syncthreads_or(int predicate, SKEIN_CALLED_FROM) {
  return skein::emulator::SyncThreadsVote(skein::emulator::BlockVote::kOr, predicate, file, line);
}
inline void __syncwarp(unsigned mask = 0xFFFFFFFFu, SKEIN_CALLED_FROM) { skein::emulator::SyncWarp(mask, file, line); }

template <typename T>
T __shfl_sync(unsigned mask, T value, int lane, int width = warpSize, SKEIN_CALLED_FROM) {
  return skein::emulator::ShuffleValue(skein::emulator::ShuffleKind::kIndex, mask, value, lane, width, file, line);
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = warpSize, SKEIN_CALLED_FROM) {
  return skein::emulator::ShuffleValue(skein::emulator::ShuffleKind::kXor, mask, value, lane_mask, width, file, line);
}
template <typename T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = warpSize, SKEIN_CALLED_FROM) {
  return skein::emulator::ShuffleValue(skein::emulator::ShuffleKind::kUp, mask, value, static_cast<int>(delta), width,
                                       file, line);
}
template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = warpSize, SKEIN_CALLED_FROM) {
  return skein::emulator::ShuffleValue(skein::emulator::ShuffleKind::kDown, mask, value, static_cast<int>(delta), width,
                                       file, line);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, SKEIN_CALLED_FROM) {
  return skein::emulator::Ballot(mask, predicate, file, line);
}
inline int __any_sync(unsigned mask, int predicate, SKEIN_CALLED_FROM) {
  return skein::emulator::Ballot(mask, predicate, file, line) != 0;
}
inline int __all_sync(unsigned mask, int predicate, SKEIN_CALLED_FROM) {
  return skein::emulator::Ballot(mask, !predicate, file, line) == 0;
}
inline unsigned __activemask() { return skein::emulator::ActiveMask(); }
template <typename T>
unsigned __match_any_sync(unsigned mask, T value, SKEIN_CALLED_FROM) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  return static_cast<unsigned>(skein::emulator::MatchAny(mask, bits, file, line));
}

#define SKEIN_WARP_REDUCTION(name, kind)                                                                   \
  inline unsigned name(unsigned mask, unsigned value, SKEIN_CALLED_FROM) {                                 \
    return skein::emulator::ReduceUnsigned(skein::emulator::WarpReduction::kind, mask, value, file, line); \
  }
#define SKEIN_SIGNED_WARP_REDUCTION(name, kind)                                                          \
  inline int name(unsigned mask, int value, SKEIN_CALLED_FROM) {                                         \
    return skein::emulator::ReduceSigned(skein::emulator::WarpReduction::kind, mask, value, file, line); \
  }
SKEIN_WARP_REDUCTION(__reduce_add_sync, kAdd)
SKEIN_WARP_REDUCTION(__reduce_min_sync, kMin)
SKEIN_WARP_REDUCTION(__reduce_max_sync, kMax)
SKEIN_WARP_REDUCTION(__reduce_and_sync, kAnd)
SKEIN_WARP_REDUCTION(__reduce_or_sync, kOr)
SKEIN_WARP_REDUCTION(__reduce_xor_sync, kXor)
SKEIN_SIGNED_WARP_REDUCTION(__reduce_add_sync, kAdd)
SKEIN_SIGNED_WARP_REDUCTION(__reduce_min_sync, kMin)
SKEIN_SIGNED_WARP_REDUCTION(__reduce_max_sync, kMax)
#undef SKEIN_WARP_REDUCTION
#undef SKEIN_SIGNED_WARP_REDUCTION

[[noreturn]] inline void __trap(SKEIN_CALLED_FROM) { skein::emulator::Trap(file, line); }

#endif  // SKEIN_TESTS_CUDA_EMULATOR_DEVICE_H_
