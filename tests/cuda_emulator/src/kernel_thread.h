// A thread of the block that runs, and its warp.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_KERNEL_THREAD_H_
#define SKEIN_TESTS_CUDA_EMULATOR_KERNEL_THREAD_H_

#include <array>
#include <cstdint>
#include <vector>

#include "cuda_emulator/device.h"
#include "fibre.h"

namespace skein::emulator {

inline constexpr uint32_t kWarpLanes = 32;

// A line of a source that calls something. `file` is a literal of that source.
struct Site {
  const char* file = nullptr;
  int line = 0;
};

// Lanes that do one operation of a warp together. slots[i]: what lane i has brought, on its own stack; NULL for lanes
// that take no part.
struct KernelThread;
struct WarpGroup {
  uint32_t lanes = 0;
  std::array<void*, kWarpLanes> slots = {};
  KernelThread* threads = nullptr;  // of the warp
};

struct WarpOperation {
  const char* name;
  void (*resolve)(WarpGroup& group);  // may be NULL
};

// A copy into shared memory that has been issued.
struct AsyncCopy {
  void* shared;
  const void* global;
  uint32_t num_bytes;
  bool valid;
  bool landed;
  uint32_t group;
  uint32_t segment;  // of the detector
};

struct Warp {
  KernelThread* threads;
  uint32_t present, ready, at_barrier, in_operation, exited;  // a bit for each lane
};

struct KernelThread {
  uint3 place;     // threadIdx
  uint32_t index;  // in the block
  uint32_t lane;
  Warp* warp;
  Continuation continuation;

  // While it waits in an operation of its warp.
  const WarpOperation* operation;
  uint32_t mask;
  void* slot;
  // Where it waits or has waited last.
  Site site;

  // At a barrier of the block.
  BlockVote vote;
  int predicate;
  int vote_result;

  // Of the detector. A segment is a stretch of the thread between two points where something is ordered.
  uint32_t segment, atomic_segment;  // 0: not begun
  Site segment_site;                 // the barrier that began it
  uint32_t lane_clock;
  std::array<uint32_t, kWarpLanes> warp_clock;  // the segments of the other lanes that lie before this one
  bool dependency_waited;
  int num_releases;

  std::vector<AsyncCopy> copies;
  uint32_t copy_group;  // of copies that are not committed
};

}  // namespace skein::emulator

#endif  // SKEIN_TESTS_CUDA_EMULATOR_KERNEL_THREAD_H_
