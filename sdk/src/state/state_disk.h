// States on disk: a folder in which each process has a file of equal blocks of its own, one state in each. A block is
// held by a DiskBlock, which frees it. What a block is for is the owner's business; which state goes to disk, and when,
// is decided above.
//
// A state may be written with a label. After the process has ended, in whatever way, the next one that opens the folder
// takes the file over and gets the labelled states back. States without a label are lost with their process. The file
// goes when nothing labelled is left in it. Several processes may share a folder. A folder that is deleted while it is
// open keeps working, but leaves nothing to the next process.
//
// Blocks have checksums, which find accidents and no forgeries. So only files of the same user are taken over, which
// nobody else may write. The states are not encrypted; files can be read by their user alone. States
// that were let go of stay in the file until their block is used again, or given back.
#ifndef SKEIN_STATE_STATE_DISK_H_
#define SKEIN_STATE_STATE_DISK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/mutex.h"
#include "state/disk_file.h"
#include "state/disk_layout.h"
#include "state/disk_recovery.h"

namespace skein {

class StateDisk;

struct DiskOptions {
  std::string folder;          // made if it is not there
  std::string identity;        // whatever makes states exchangeable; at most DiskLayout::kMaxIdentityBytes
  uint64_t state_bytes = 0;    // of each state; at most DiskLayout::kMaxStateBytes
  uint64_t budget_bytes = 0;   // of all blocks together
  bool keeps_labelled = true;  // false: the labelled states of earlier processes are removed, and ours with the process
};

// The place of one state on disk. Empty: none. Frees the place at its end, on any thread, without waiting for the disk.
class DiskBlock {
 public:
  DiskBlock() = default;
  DiskBlock(DiskBlock&& other) noexcept = default;
  DiskBlock& operator=(DiskBlock&& other) noexcept {
    DiskBlock gone(std::move(other));
    std::swap(disk_, gone.disk_);
    std::swap(file_, gone.file_);
    std::swap(index_, gone.index_);
    std::swap(write_number_, gone.write_number_);
    return *this;
  }
  ~DiskBlock();

  bool empty() const { return disk_ == nullptr; }

 private:
  friend class StateDisk;
  DiskBlock(std::shared_ptr<StateDisk> disk, uint32_t file, uint64_t index)
      : disk_(std::move(disk)), file_(file), index_(index) {}

  std::shared_ptr<StateDisk> disk_;
  uint32_t file_ = 0;
  uint64_t index_ = 0;
  uint64_t write_number_ = 0;  // of the write that filled it; 0: none
};

// A labelled state of an earlier process.
struct RecoveredState {
  DiskBlock block;
  DiskLabel label;
};

// Threads: any. Blocks are read and written in parallel, each by one thread at a time; no lock is held meanwhile.
class StateDisk : public std::enable_shared_from_this<StateDisk> {
 public:
  // Opens the folder and takes over what processes that have died left in it for this identity. Reads the headers of
  // all their blocks. INVALID_ARGUMENT: the budget is less than one block; others as DiskFolder::Open and
  // DiskFile::Create.
  static absl::StatusOr<std::shared_ptr<StateDisk>> Open(const DiskOptions& options);

  // Leaves the files with labelled states to the next process, and removes the others.
  ~StateDisk();

  // Does so now, for a process that ends without letting go of all blocks. States without a label stay where they are;
  // files without a name last as long as they are open. Nothing labelled is written afterwards.
  void LeaveFiles() noexcept;

  // A place for a state. Does not touch the disk. RESOURCE_EXHAUSTED: the budget is used up.
  absl::StatusOr<DiskBlock> Reserve();

  // Fills a block, in place of what it held. `state` has `state_bytes`. INVALID_ARGUMENT: a label that is too long;
  // RESOURCE_EXHAUSTED, PERMISSION_DENIED, UNAVAILABLE: the system refused, see DiskFile::Write. After an error the
  // block holds nothing, and may be written again.
  absl::Status Write(DiskBlock& block, absl::Span<const uint8_t> state, const DiskLabel* label = nullptr);

  // Reads the state of a block into `state`, which has `state_bytes`. FAILED_PRECONDITION: it holds none; DATA_LOSS:
  // the bytes are not those that were written; UNAVAILABLE: an error of the system. Each names file and block. After an
  // error `state` holds anything.
  absl::Status Read(const DiskBlock& block, absl::Span<uint8_t> state) const;

  // Whether as many blocks that nobody uses take space as there are blocks in use, so that it is time for GiveBack.
  // Labelled ones do not count: they are the next process's.
  bool HasMuchToGiveBack() const noexcept;
  // Gives the space of such blocks back to the disk, for which it waits. A file system that does not know how keeps it.
  void GiveBack() noexcept;

  // The labelled states of earlier processes, the latest first, each label once. The second call gives none.
  std::vector<RecoveredState> TakeRecovered();

  uint64_t state_bytes() const { return layout_.state_bytes; }
  uint64_t max_tokens() const { return layout_.max_tokens; }    // of a label
  uint64_t block_bytes() const { return layout_.block_bytes; }  // a state and what it needs beside it
  uint64_t budget_blocks() const { return budget_blocks_; }
  uint64_t used_blocks() const;  // reserved or written and not let go of

 private:
  friend class DiskBlock;

  // A file and which of its blocks are in use. Indices beyond the lists are not in the file yet.
  struct Blocks {
    std::unique_ptr<DiskFile> file;  // constant
    std::vector<bool> is_used;
    std::vector<bool> is_labelled;  // on the disk; also of blocks that nobody uses any more
    std::vector<bool> takes_space;  // was written since it was given back
    uint64_t first_free = 0;        // none below it is free

    bool IsIdle(uint64_t index) const { return !is_used[index] && !is_labelled[index] && takes_space[index]; }
  };

  StateDisk(const DiskOptions& options, std::shared_ptr<const DiskFolder> folder);

  // A labelled state that was found and not asked for yet. Its block is in use.
  struct Found {
    uint32_t file;
    FoundState state;
  };

  // Takes over what other processes left, and makes a file if that gives none.
  absl::Status OpenFiles();
  // With its first `max_blocks` blocks at most.
  void TakeOver(std::unique_ptr<DiskFile> file, uint64_t max_blocks);
  uint64_t num_blocks() const;
  void AddFile(std::unique_ptr<DiskFile> file, uint64_t num_blocks);
  void Free(const DiskBlock& block) noexcept;
  // The first free block of a file; its number of blocks if there is none.
  static uint64_t FirstFree(Blocks& blocks) noexcept;
  void SetLabelled(const DiskBlock& block, bool is_labelled) noexcept;
  // The number of a write to the block that is about to begin. A labelled one counts from here on.
  uint64_t BeginWrite(const DiskBlock& block, bool is_labelled);
  // Blocks of one file that follow each other.
  struct Run {
    uint32_t file = 0;
    uint64_t begin = 0;
    uint64_t end = 0;
  };
  // The next idle blocks from `begin` on, which nobody else gets until ReleaseRun. Empty: there are none.
  Run TakeIdleRun(uint32_t file, uint64_t begin) noexcept;
  void ReleaseRun(const Run& run) noexcept;
  const DiskFile& FileOf(const DiskBlock& block) const { return *files_[block.file_]; }
  absl::Status WriteState(const DiskBlock& block, uint64_t write_number, absl::Span<const uint8_t> state,
                          const DiskLabel* label) const;
  absl::Status ReadChecked(const DiskBlock& block, absl::Span<uint8_t> state) const;

  const std::shared_ptr<const DiskFolder> folder_;
  const std::string identity_;
  const DiskLayout layout_;
  const uint64_t budget_blocks_;
  const bool keeps_labelled_;
  std::vector<const DiskFile*> files_;  // of blocks_; constant once it is open

  mutable Mutex mutex_;
  std::vector<Blocks> blocks_ ABSL_GUARDED_BY(mutex_);  // by file; the first one grows
  uint64_t num_blocks_ ABSL_GUARDED_BY(mutex_) = 0;     // in all files
  uint64_t num_used_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t last_write_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Found> found_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace skein

#endif  // SKEIN_STATE_STATE_DISK_H_
