// Finds races, accesses outside allocations and reads of what nobody wrote, in kernels that are compiled to report
// their accesses (-fsanitize=thread).
//
// Each byte of the devices' memory and of shared memory has a cell: who wrote it last, and who has read it since. Two
// accesses of which one writes are a race unless something orders them: a barrier of the block, a __syncwarp of the
// warp, the order of kernels and copies in streams, or a fence with an atomic operation on both sides. What a block was
// handed so, it hands on. It finds races in any schedule, whichever access came first.
//
// Left out: what a thread hands to another block without a barrier of its own block. Of many readers of one byte that
// nothing orders, three are kept: such that a later write races with one of them if it races with any, but for lanes of
// one warp that __syncwarp joins in parts.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_DETECTOR_H_
#define SKEIN_TESTS_CUDA_EMULATOR_DETECTOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "arena.h"
#include "cuda_emulator/control.h"
#include "kernel_thread.h"

namespace skein::emulator {

enum class Access { kRead, kWrite, kAtomic };

// For each stream by number, how many of its operations are known to have ended.
using Clock = std::vector<uint64_t>;
void Merge(Clock& clock, const Clock& other);

// A piece of work of a stream.
struct OperationOrder {
  uint32_t stream = 0;
  uint64_t sequence = 0;   // in its stream, from 1
  Clock known;             // what has ended before it begins, its own stream's included
  bool dependent = false;  // begins before the kernel before it in the stream has ended
};

// Used by one thread at a time.
class Detector {
 public:
  Detector(Arena& arena, bool track_uninitialised);
  ~Detector();
  Detector(const Detector&) = delete;
  Detector& operator=(const Detector&) = delete;

  // Whether a source of this program reports its accesses.
  static bool IsInstrumented();
  static void SetInstrumented();
  // Whether this one was made after a source did so. Accesses may be reported to it only then.
  bool is_on() const { return cells_ != nullptr; }

  // An operation of a stream begins. Accesses until the next one are its own.
  // `name` outlives the detector.
  void BeginOperation(const OperationOrder& order, const std::string& name);
  void BeginKernel(uint32_t num_threads, int device);
  void EndKernel();
  // A block begins at a place, whose block before has ended, and is entered. `shared`: its memory beside variables.
  void BeginBlock(uint32_t place, uint32_t block, std::span<const unsigned char> shared);
  // What follows is of the block at this place.
  void EnterBlock(uint32_t place);
  // All threads of the block have met.
  void BlockBarrier();
  // A fence of the running thread.
  void Fence(const KernelThread& thread);
  // The same, as part of an atomic operation that releases. A test may leave one out.
  void ReleaseFence(KernelThread& thread);
  void LeaveOutRelease(int number) { left_out_release_ = number; }
  // The lanes have met.
  void WarpBarrier(WarpGroup& group);
  // A thread of the kernel has ended, or lets the next kernel begin.
  void Release(const KernelThread& thread);

  // An access by the running thread.
  void OnAccess(uintptr_t address, size_t num_bytes, Access access);
  // The running thread's next access is not aligned to its size.
  void OnMisaligned(uintptr_t address, size_t num_bytes);
  // By a copy or fill of a stream.
  void OnCopyRead(uintptr_t address, size_t num_bytes);
  void OnCopyWrite(uintptr_t address, size_t num_bytes);
  // Between allocations: as far as was written in `from`, `to` is written.
  void OnCopyWithin(uintptr_t to, uintptr_t from, size_t num_bytes);
  // A copy that goes on by itself: nobody may touch `shared` until it is settled. Gives the segment for SettleAsync.
  uint32_t OnAsyncCopy(uintptr_t shared, size_t num_bytes);
  void SettleAsync(uintptr_t shared, size_t num_bytes, uint32_t segment);

  void Forget(const Allocation& allocation);

  // Whether the address is one of the host's memory.
  bool IsOfHost(uintptr_t address);

  const std::string& operation_name() const { return *name_; }
  void Report(ErrorKind kind, const std::string& message, const std::string& place);

 private:
  // Bits of a segment's flags.
  static constexpr uint8_t kAtomicSegment = 1, kAsyncSegment = 2;
  struct Cell {
    uint32_t write;    // a segment; 0: nobody
    uint32_t read[3];  // since then
  };
  struct Segment {
    uint32_t block, block_epoch, lane_clock;
    uint16_t thread;
    uint8_t flags;
    Site site;
  };
  struct Operation {
    uint32_t first_segment;
    uint32_t stream;
    uint64_t sequence;
    const std::string* name;
  };
  struct SharedRange {
    uintptr_t begin;
    size_t num_bytes;
    std::vector<Cell> cells;
  };
  // For each block by number: what it did before this many of its barriers.
  using Epochs = std::vector<uint32_t>;
  // A block that runs.
  struct BlockState {
    uint32_t block = 0;
    uint32_t epoch = 0;  // barriers that it has passed
    uint32_t first_segment = 0;
    SharedRange shared = {};
    Epochs known;  // by all its threads
    // By thread.
    std::unordered_map<uint32_t, Epochs> fenced;  // what it hands on, as of its last fence
    std::unordered_map<uint32_t, Epochs> seen;    // and not taken, for want of a fence
    std::unordered_map<uint32_t, Epochs> taken;   // since the block's last barrier
  };
  // The access that is looked at.
  struct Current {
    uint32_t segment;
    Access access;
    uintptr_t address;
    size_t num_bytes;
  };

  static void Later(Epochs& epochs, const Epochs& other);
  uint32_t NewSegment(const Segment& segment);
  uint32_t SegmentOf(KernelThread& thread, Access access);
  const Operation& OperationOf(uint32_t segment) const;
  bool IsOrdered(uint32_t earlier, const Current& current) const;
  bool IsOrderedInKernel(const Segment& earlier, const Current& current) const;
  // Whether the running thread, or its block, has taken what another block did.
  bool IsTaken(const Segment& earlier) const;
  // An atomic operation of the running thread hands on and sees what others have handed on.
  void MeetAt(uintptr_t address);
  void CheckDevice(const Current& current);
  bool IsAllowed(const Current& current);
  void CheckShared(SharedRange& range, const Current& current);
  SharedRange* FindShared(uintptr_t address);
  void FindThreadStorage();
  // False: an error was found.
  bool CheckCell(Cell& cell, const Current& current);
  bool CheckWrite(Cell& cell, const Current& current);
  bool CheckRead(Cell& cell, const Current& current);
  void NoteReader(Cell& cell, const Current& current);
  bool InOneWarp(uint32_t segment, uint32_t other) const;
  bool InOneBlock(uint32_t segment, uint32_t other) const;
  void ReportRace(const Current& current, uint32_t other, bool other_wrote);
  void ReportUnwritten(const Current& current);
  std::string Describe(uint32_t segment) const;
  std::string DescribeAddress(uintptr_t address) const;
  Cell* CellOf(uintptr_t address) const { return cells_ + (address - arena_.base()); }
  void Rebase();
  uint32_t ThresholdFor(const Clock& known) const;

  Arena& arena_;
  const bool track_uninitialised_;
  int left_out_release_ = kNoRelease;
  bool untracked_writes_ = false;  // a kernel that reports nothing has run
  Cell* cells_ = nullptr;          // of the arena

  std::vector<Operation> operations_;
  std::vector<std::vector<uint32_t>> operations_of_;  // by stream and sequence: places in operations_
  std::vector<Segment> segments_;                     // of the operation that runs
  uint32_t next_segment_ = 2;                         // 1: whatever was written before the numbers began anew

  // Of the operation that runs.
  const std::string* name_ = nullptr;
  OperationOrder order_;
  Clock known_before_wait_;
  uint32_t ordered_after_wait_ = 0, ordered_before_wait_ = 0;  // segments below are ordered before everything
  bool releases_early_ = false;  // the next kernel may begin before the one before this has ended
  struct LastKernel {
    bool is_last = false;  // of its stream's operations so far
    Clock known_at_release;
  };
  std::vector<LastKernel> last_kernels_;  // by stream

  // Of the kernel that runs.
  bool in_kernel_ = false;
  bool has_reported_ = false;
  int device_ = 0;
  uint32_t num_threads_ = 0;
  std::unordered_map<uintptr_t, Epochs> handed_;     // by the address of the atomic operation
  std::vector<std::unique_ptr<BlockState>> blocks_;  // by place
  BlockState* block_ = nullptr;                      // that has its turn
  std::vector<SharedRange> thread_storage_;
  bool found_thread_storage_ = false;
  std::unordered_set<uintptr_t> host_pages_;  // that are known to be mapped
  Allocation last_found_ = {};                // most accesses are near the one before
};

}  // namespace skein::emulator

#endif  // SKEIN_TESTS_CUDA_EMULATOR_DETECTOR_H_
