// A file of states in a folder, for one process alone: it holds the file's lock (flock) for as long as it has the file
// open, and the system lets go of it when the process dies in whatever way. Knows places in the file; the blocks and
// who uses them are state_disk.h.
//
// After it is open, the file is used through its descriptor, so a folder that is deleted meanwhile takes nothing away.
// It is not synchronised to the disk: what is written survives the end of the process, but maybe not that of the
// system.
#ifndef SKEIN_STATE_DISK_FILE_H_
#define SKEIN_STATE_DISK_FILE_H_

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "state/disk_layout.h"
#include "system/descriptor.h"

namespace skein {

// The folder of such files.
class DiskFolder {
 public:
  // Makes the folder, but not those above it, if it is not there. NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED,
  // INVALID_ARGUMENT: each names the path.
  static absl::StatusOr<std::shared_ptr<DiskFolder>> Open(const std::string& path);

  const std::string& path() const { return path_; }
  int number() const { return descriptor_.number(); }

  // The names in it that files of states have, in order.
  absl::StatusOr<std::vector<std::string>> FileNames() const;

 private:
  DiskFolder(std::string path, Descriptor descriptor) : path_(std::move(path)), descriptor_(std::move(descriptor)) {}

  const std::string path_;
  const Descriptor descriptor_;
};

// Bytes that lie in several places, in the order of the file. The few that a state has cost no allocation, so that a
// state goes to the disk and comes back when memory is short.
using DiskParts = absl::InlinedVector<iovec, 4>;

// Threads: any, for different places.
class DiskFile {
 public:
  // A new file with its header, under a name of its own. Errors as those of Write.
  static absl::StatusOr<std::unique_ptr<DiskFile>> Create(const std::shared_ptr<const DiskFolder>& folder,
                                                          const DiskLayout& layout, absl::string_view identity);

  // Takes the file `name`, if a process that has died left it: nullptr if it is in use, is no regular file, belongs to
  // another user, may be written by others, is foreign (disk_layout.h), or cannot be opened. An unfinished one is
  // removed.
  static std::unique_ptr<DiskFile> TakeOver(std::shared_ptr<const DiskFolder> folder, const std::string& name,
                                            const DiskLayout& layout, absl::string_view identity);

  // Lets go of the lock. The file stays.
  ~DiskFile() = default;

  const std::string& path() const { return path_; }

  // Writes all of `parts`, one after the other, from `offset` on. RESOURCE_EXHAUSTED: no space, quota or file size is
  // left; PERMISSION_DENIED; UNAVAILABLE: another error of the system. Each names the file.
  absl::Status Write(uint64_t offset, DiskParts parts) const;

  // Fills all of `parts` from `offset` on. DATA_LOSS: the file ends before; UNAVAILABLE: an error of the system.
  absl::Status Read(uint64_t offset, DiskParts parts) const;

  // The first offset from `offset` on that may have been written; nullopt: nothing is left.
  std::optional<uint64_t> NextData(uint64_t offset) const;

  uint64_t Size() const;
  // Ends the file at `size`; not if that fails.
  void Truncate(uint64_t size) const noexcept;
  // Gives the disk back what lies at these bytes, which read as zeros from then on. Not where the file system does not
  // know how.
  void Punch(uint64_t offset, uint64_t num_bytes) const noexcept;
  // Removes the file from its folder, unless the name means another file by now.
  void Remove() const noexcept;

 private:
  DiskFile(std::shared_ptr<const DiskFolder> folder, std::string name, Descriptor descriptor);

  // False: another process has the lock.
  bool Lock() const noexcept;
  // Whether the name in the folder means this file.
  bool IsNamed() const noexcept;

  const std::shared_ptr<const DiskFolder> folder_;
  const std::string name_;
  const std::string path_;
  const Descriptor descriptor_;
};

}  // namespace skein

#endif  // SKEIN_STATE_DISK_FILE_H_
