// Barriers, fences, shuffles and votes of kernels.
#include <algorithm>
#include <cstdio>

#include "cuda_emulator/atomics.h"
#include "executor.h"

namespace skein::emulator {
namespace {

bool IsEnabled(const char* kind, Site site) { return running_executor->sites().Enter(kind, site); }

// After a barrier, accesses are of a new segment.
void BeginSegments(WarpGroup& group) {
  for (uint32_t lanes = group.lanes; lanes != 0; lanes &= lanes - 1) {
    KernelThread& thread = group.threads[__builtin_ctz(lanes)];
    thread.segment = thread.atomic_segment = 0;
    thread.segment_site = thread.site;
  }
}

constexpr WarpOperation kSyncWarp = {"__syncwarp", [](WarpGroup& group) {
                                       running_executor->detector().WarpBarrier(group);
                                       BeginSegments(group);
                                     }};

struct ShuffleSlot {
  uint64_t bits;
  int source;  // a lane
  uint64_t result;
};

void ResolveShuffle(WarpGroup& group) {
  for (uint32_t lanes = group.lanes; lanes != 0; lanes &= lanes - 1) {
    const int lane = __builtin_ctz(lanes);
    auto& slot = *static_cast<ShuffleSlot*>(group.slots[lane]);
    const auto* source = static_cast<const ShuffleSlot*>(group.slots[slot.source]);
    if (source == nullptr) {
      running_executor->ReportMisuse("a shuffle reads lane " + std::to_string(slot.source) + ", which takes no part",
                                     group.threads[lane].site);
    }
    slot.result = source != nullptr ? source->bits : ~uint64_t{0};
  }
}

constexpr WarpOperation kShuffles[] = {{"__shfl_sync", ResolveShuffle},
                                       {"__shfl_xor_sync", ResolveShuffle},
                                       {"__shfl_up_sync", ResolveShuffle},
                                       {"__shfl_down_sync", ResolveShuffle}};

// The lane that a shuffle reads: the caller's own where the operand points out of its section of the warp.
int SourceLane(ShuffleKind kind, int lane, int operand, int width) {
  const int first = lane / width * width;
  switch (kind) {
    case ShuffleKind::kIndex:
      return first + (operand & (width - 1));
    case ShuffleKind::kXor: {
      const int source = lane ^ operand;
      return source < first + width ? source : lane;
    }
    case ShuffleKind::kUp:
      return lane - operand >= first ? lane - operand : lane;
    default:
      return lane + operand < first + width ? lane + operand : lane;
  }
}

struct VoteSlot {
  bool predicate;
  unsigned result;
};

constexpr WarpOperation kBallot = {"a vote", [](WarpGroup& group) {
                                     unsigned votes = 0;
                                     for (uint32_t lane = 0; lane < kWarpLanes; ++lane) {
                                       const auto* slot = static_cast<const VoteSlot*>(group.slots[lane]);
                                       if (slot != nullptr && slot->predicate) votes |= 1u << lane;
                                     }
                                     for (void* slot : group.slots) {
                                       if (slot != nullptr) static_cast<VoteSlot*>(slot)->result = votes;
                                     }
                                   }};

struct ReductionSlot {
  int64_t value;
  WarpReduction reduction;
  int64_t result;
};

int64_t Reduced(WarpReduction reduction, int64_t x, int64_t y) {
  switch (reduction) {
    case WarpReduction::kAdd:
      return x + y;
    case WarpReduction::kMin:
      return std::min(x, y);
    case WarpReduction::kMax:
      return std::max(x, y);
    case WarpReduction::kAnd:
      return x & y;
    case WarpReduction::kOr:
      return x | y;
    default:
      return x ^ y;
  }
}

constexpr WarpOperation kReduction = {"__reduce_sync", [](WarpGroup& group) {
                                        const ReductionSlot* before = nullptr;
                                        int64_t result = 0;
                                        for (void* pointer : group.slots) {
                                          const auto* slot = static_cast<const ReductionSlot*>(pointer);
                                          if (slot == nullptr) continue;
                                          result = before == nullptr ? slot->value
                                                                     : Reduced(slot->reduction, result, slot->value);
                                          before = slot;
                                        }
                                        for (void* slot : group.slots) {
                                          if (slot != nullptr) static_cast<ReductionSlot*>(slot)->result = result;
                                        }
                                      }};

struct MatchSlot {
  uint64_t bits;
  unsigned result;
};

constexpr WarpOperation kMatch = {"__match_any_sync", [](WarpGroup& group) {
                                    for (void* pointer : group.slots) {
                                      auto* slot = static_cast<MatchSlot*>(pointer);
                                      if (slot == nullptr) continue;
                                      slot->result = 0;
                                      for (uint32_t lane = 0; lane < kWarpLanes; ++lane) {
                                        const auto* other = static_cast<const MatchSlot*>(group.slots[lane]);
                                        if (other != nullptr && other->bits == slot->bits) slot->result |= 1u << lane;
                                      }
                                    }
                                  }};

}  // namespace

void SyncThreads(const char* file, int line) {
  const Site site = {file, line};
  if (IsEnabled("__syncthreads", site)) running_executor->Barrier(site, "__syncthreads", BlockVote::kCount, 0);
}

int SyncThreadsVote(BlockVote vote, int predicate, const char* file, int line) {
  const Site site = {file, line};
  if (!IsEnabled("__syncthreads vote", site)) return vote == BlockVote::kCount ? predicate != 0 : predicate;
  KernelThread& thread = *running_thread;
  running_executor->Barrier(site, "__syncthreads vote", vote, predicate);
  return thread.vote_result;
}

void SyncWarp(unsigned mask, const char* file, int line) {
  const Site site = {file, line};
  if (IsEnabled("__syncwarp", site)) running_executor->Collective(kSyncWarp, mask, nullptr, site);
}

void Fence(const char* file, int line) {
  if (IsEnabled("__threadfence", {file, line})) running_executor->detector().Fence(*running_thread);
}

uint64_t Shuffle(ShuffleKind kind, unsigned mask, uint64_t bits, int operand, int width, const char* file, int line) {
  const Site site = {file, line};
  if (width < 1 || width > 32 || (width & (width - 1)) != 0) {
    running_executor->ReportMisuse(
        "a shuffle of width " + std::to_string(width) + ", which is no power of two up to 32", site);
    width = 32;
  }
  const int lane = static_cast<int>(running_thread->lane);
  ShuffleSlot slot = {bits, SourceLane(kind, lane, operand, width), 0};
  running_executor->Collective(kShuffles[static_cast<int>(kind)], mask, &slot, site);
  return slot.result;
}

unsigned Ballot(unsigned mask, int predicate, const char* file, int line) {
  VoteSlot slot = {predicate != 0, 0};
  running_executor->Collective(kBallot, mask, &slot, {file, line});
  return slot.result;
}

// The lanes that have not ended: which of them run together is not defined.
unsigned ActiveMask() {
  const Warp& warp = *running_thread->warp;
  return warp.present & ~warp.exited;
}

unsigned ReduceUnsigned(WarpReduction reduction, unsigned mask, unsigned value, const char* file, int line) {
  running_executor->RequireCapability(80, "__reduce_sync", {file, line});
  ReductionSlot slot = {value, reduction, 0};
  running_executor->Collective(kReduction, mask, &slot, {file, line});
  return static_cast<unsigned>(slot.result);
}

int ReduceSigned(WarpReduction reduction, unsigned mask, int value, const char* file, int line) {
  running_executor->RequireCapability(80, "__reduce_sync", {file, line});
  ReductionSlot slot = {value, reduction, 0};
  running_executor->Collective(kReduction, mask, &slot, {file, line});
  return static_cast<int>(slot.result);
}

uint64_t MatchAny(unsigned mask, uint64_t bits, const char* file, int line) {
  MatchSlot slot = {bits, 0};
  running_executor->Collective(kMatch, mask, &slot, {file, line});
  return slot.result;
}

void* DynamicSharedMemory() { return running_executor->dynamic_shared(); }

void Trap(const char* file, int line) {
  std::fprintf(stderr, "cuda emulator: __trap at %s:%d\n", file, line);
  running_executor->Abort(cudaErrorLaunchFailure);
}

}  // namespace skein::emulator
