#include "state/disk_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"

namespace skein {
namespace {

constexpr absl::string_view kPrefix = "skein-";
constexpr absl::string_view kSuffix = ".states";
// Somebody who looks at leftovers may take a new file away before it is locked. So often in a row that is no accident.
constexpr int kMaxTries = 16;

absl::Status SystemError(int error, const std::string& path, absl::string_view what) {
  const std::string text = absl::StrCat(path, ": cannot ", what, ": ", std::strerror(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(text);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(text);
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
      return absl::ResourceExhaustedError(text);
    default:
      return absl::UnavailableError(text);
  }
}

absl::StatusOr<std::string> NewName() {
  uint64_t number = 0;
  if (getrandom(&number, sizeof(number), 0) != sizeof(number)) {
    return absl::UnavailableError("cannot get random bytes for the name of a file");
  }
  return absl::StrCat(kPrefix, absl::Hex(number, absl::kZeroPad16), kSuffix);
}

// A write beyond the limit of file sizes would raise a signal that ends the process.
bool IsBeyondSizeLimit(uint64_t end) {
  rlimit limit;
  return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && end > limit.rlim_cur;
}

uint64_t TotalBytes(const DiskParts& parts) {
  uint64_t total = 0;
  for (const iovec& part : parts) total += part.iov_len;
  return total;
}

// Takes `done` bytes off the front of `parts`.
void Advance(DiskParts& parts, size_t& first, size_t done) {
  while (first < parts.size() && done >= parts[first].iov_len) done -= parts[first++].iov_len;
  if (first == parts.size()) return;
  parts[first].iov_base = static_cast<uint8_t*>(parts[first].iov_base) + done;
  parts[first].iov_len -= done;
}

}  // namespace

absl::StatusOr<std::shared_ptr<DiskFolder>> DiskFolder::Open(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    // A folder that is there may be in one that cannot be written.
    struct stat info;
    const int error = errno;
    if (stat(path.c_str(), &info) != 0) return SystemError(error, path, "make the folder");
  }
  Descriptor descriptor(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!descriptor.is_open()) return SystemError(errno, path, "open the folder");
  return std::shared_ptr<DiskFolder>(new DiskFolder(path, std::move(descriptor)));
}

absl::StatusOr<std::vector<std::string>> DiskFolder::FileNames() const {
  SKEIN_ASSIGN_OR_RETURN(std::vector<std::string> names, ListFolder(path_));
  std::erase_if(names, [](const std::string& name) {
    return !absl::StartsWith(name, kPrefix) || !absl::EndsWith(name, kSuffix);
  });
  return names;
}

DiskFile::DiskFile(std::shared_ptr<const DiskFolder> folder, std::string name, Descriptor descriptor)
    : folder_(std::move(folder)),
      name_(std::move(name)),
      path_(absl::StrCat(folder_->path(), "/", name_)),
      descriptor_(std::move(descriptor)) {}

absl::StatusOr<std::unique_ptr<DiskFile>> DiskFile::Create(const std::shared_ptr<const DiskFolder>& folder,
                                                           const DiskLayout& layout, absl::string_view identity) {
  for (int i = 0; i < kMaxTries; ++i) {
    SKEIN_ASSIGN_OR_RETURN(const std::string name, NewName());
    Descriptor descriptor(
        openat(folder->number(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!descriptor.is_open()) {
      if (errno == EEXIST) continue;
      return SystemError(errno, absl::StrCat(folder->path(), "/", name), "make the file");
    }
    std::unique_ptr<DiskFile> file(new DiskFile(folder, name, std::move(descriptor)));
    if (!file->Lock() || !file->IsNamed()) continue;  // somebody took it for a leftover
    DiskFileHeader header = WriteDiskFileHeader(layout, identity);
    const absl::Status written = file->Write(0, {{header.data(), header.size()}});
    if (written.ok()) return file;
    file->Remove();
    return written;
  }
  return absl::UnavailableError(
      absl::StrCat(folder->path(), ": no file can be made and locked there; does the file system have flock()?"));
}

std::unique_ptr<DiskFile> DiskFile::TakeOver(std::shared_ptr<const DiskFolder> folder, const std::string& name,
                                             const DiskLayout& layout, absl::string_view identity) {
  Descriptor descriptor(openat(folder->number(), name.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  struct stat info;
  if (!descriptor.is_open() || fstat(descriptor.number(), &info) != 0) return nullptr;
  // A file that others can write can be forged by them: checksums find accidents only.
  if (!S_ISREG(info.st_mode) || info.st_uid != geteuid() || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) return nullptr;
  std::unique_ptr<DiskFile> file(new DiskFile(std::move(folder), name, std::move(descriptor)));
  // A file of another model is not locked for a look, so that its own process finds it free.
  const auto kind = [&] {
    DiskFileHeader header = {};
    const uint64_t size = std::min<uint64_t>(file->Size(), header.size());
    if (!file->Read(0, {{header.data(), size}}).ok()) return DiskFileKind::kForeign;
    return KindOfDiskFile(header, layout, identity);
  };
  if (kind() == DiskFileKind::kForeign || !file->Lock() || !file->IsNamed()) return nullptr;
  switch (kind()) {
    case DiskFileKind::kOurs:
      return file;
    case DiskFileKind::kUnfinished:
      if (file->Size() <= DiskLayout::kBlocksOffset) file->Remove();
      return nullptr;
    case DiskFileKind::kForeign:
      return nullptr;
  }
  return nullptr;
}

absl::Status DiskFile::Write(uint64_t offset, DiskParts parts) const {
  if (IsBeyondSizeLimit(offset + TotalBytes(parts))) return SystemError(EFBIG, path_, "write");
  size_t first = 0;
  Advance(parts, first, 0);
  while (first < parts.size()) {
    const ssize_t done = pwritev(descriptor_.number(), parts.data() + first, static_cast<int>(parts.size() - first),
                                 static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return SystemError(errno, path_, "write");
    if (done == 0) return SystemError(ENOSPC, path_, "write");
    offset += static_cast<uint64_t>(done);
    Advance(parts, first, static_cast<size_t>(done));
  }
  return absl::OkStatus();
}

absl::Status DiskFile::Read(uint64_t offset, DiskParts parts) const {
  size_t first = 0;
  Advance(parts, first, 0);
  while (first < parts.size()) {
    const ssize_t done = preadv(descriptor_.number(), parts.data() + first, static_cast<int>(parts.size() - first),
                                static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return absl::UnavailableError(absl::StrCat(path_, ": cannot read: ", std::strerror(errno)));
    if (done == 0) {
      return absl::DataLossError(absl::StrCat(path_, ": expected a state, found the end of the file at ", offset));
    }
    offset += static_cast<uint64_t>(done);
    Advance(parts, first, static_cast<size_t>(done));
  }
  return absl::OkStatus();
}

std::optional<uint64_t> DiskFile::NextData(uint64_t offset) const {
  const off_t next = lseek(descriptor_.number(), static_cast<off_t>(offset), SEEK_DATA);
  if (next >= 0) return static_cast<uint64_t>(next);
  // A file system that does not know its holes says that everything may have been written.
  return errno == ENXIO ? std::nullopt : std::optional<uint64_t>(offset);
}

uint64_t DiskFile::Size() const {
  struct stat info;
  return fstat(descriptor_.number(), &info) == 0 ? static_cast<uint64_t>(info.st_size) : 0;
}

void DiskFile::Truncate(uint64_t size) const noexcept {
  // A file that stays longer than it need be costs space and nothing else.
  if (ftruncate(descriptor_.number(), static_cast<off_t>(size)) != 0) return;
}

void DiskFile::Punch(uint64_t offset, uint64_t num_bytes) const noexcept {
  // Bytes that stay cost space and nothing else.
  static_cast<void>(fallocate(descriptor_.number(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                              static_cast<off_t>(offset), static_cast<off_t>(num_bytes)));
}

void DiskFile::Remove() const noexcept {
  if (IsNamed()) unlinkat(folder_->number(), name_.c_str(), 0);
}

bool DiskFile::Lock() const noexcept {
  int result;
  do {
    result = flock(descriptor_.number(), LOCK_EX | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  return result == 0;
}

bool DiskFile::IsNamed() const noexcept {
  struct stat here;
  struct stat there;
  return fstat(descriptor_.number(), &here) == 0 &&
         fstatat(folder_->number(), name_.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 && here.st_ino == there.st_ino &&
         here.st_dev == there.st_dev;
}

}  // namespace skein
