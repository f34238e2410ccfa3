#include "files/package/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace skein {
namespace {

constexpr int kMaxNameAttempts = 100;

// The file is written in pieces of this size, each at a multiple of it: a huge page of the usual processors.
constexpr uint64_t kPieceBytes = uint64_t{2} << 20;

absl::Status ErrnoStatus(int error, const std::string& path, const char* what) {
  const std::string text = absl::StrCat(path, ": cannot ", what, ": ", std::strerror(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(text);
    case EEXIST:
      return absl::AlreadyExistsError(text);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(text);
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case ENOMEM:
      return absl::ResourceExhaustedError(text);
    default:
      return absl::InvalidArgumentError(text);
  }
}

bool Exists(const std::string& path) {
  struct stat info;
  return lstat(path.c_str(), &info) == 0;
}

// rename() that does not replace a file. Where the file system cannot do that in one operation, a file that appears
// between the check and the rename is lost.
int RenameToNew(const char* from, const std::string& to) {
  if (renameat2(AT_FDCWD, from, AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != ENOSYS && errno != EINVAL) return -1;
  if (Exists(to)) {
    errno = EEXIST;
    return -1;
  }
  return rename(from, to.c_str());
}

// Makes the new name survive a loss of power, where the file system can. The file itself is safe either way.
void SyncFolder(const std::string& path) {
  const size_t separator = path.rfind('/');
  const std::string folder = separator == std::string::npos ? "." : path.substr(0, separator + 1);
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

}  // namespace

OutputFile::OutputFile(std::string path, IfExists if_exists) : path_(std::move(path)), if_exists_(if_exists) {}

absl::StatusOr<std::unique_ptr<OutputFile>> OutputFile::Create(const std::string& path, IfExists if_exists) {
  // Checked before any work, so that nobody waits for a conversion that cannot end well.
  struct stat info;
  if (lstat(path.c_str(), &info) == 0) {
    if (if_exists == IfExists::kFail) return absl::AlreadyExistsError(absl::StrCat(path, ": exists"));
    if (S_ISDIR(info.st_mode)) return absl::InvalidArgumentError(absl::StrCat(path, ": is a folder"));
  }
  std::unique_ptr<OutputFile> file(new OutputFile(path, if_exists));
  SKEIN_RETURN_IF_ERROR(file->OpenTemporary());
  return file;
}

absl::Status OutputFile::OpenTemporary() {
  static std::atomic<uint32_t> counter{0};
  for (int attempt = 0; attempt < kMaxNameAttempts; ++attempt) {
    temporary_path_ = absl::StrCat(path_, ".", getpid(), ".", counter.fetch_add(1), ".tmp");
    fd_ = open(temporary_path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd_ >= 0) return absl::OkStatus();
    if (errno != EEXIST) return ErrnoStatus(errno, temporary_path_, "create");
  }
  return ErrnoStatus(EEXIST, path_, "create a temporary file beside it");
}

OutputFile::~OutputFile() {
  if (fd_ < 0) return;
  close(fd_);
  unlink(temporary_path_.c_str());
}

absl::Status OutputFile::WriteAt(uint64_t offset, const void* data, uint64_t size_bytes) {
  const auto* next = static_cast<const uint8_t*>(data);
  if (offset != gathered_offset_ + gathered_.size()) SKEIN_RETURN_IF_ERROR(Flush());
  while (size_bytes > 0) {
    const uint64_t room = kPieceBytes - offset % kPieceBytes;
    const uint64_t count = std::min(room, size_bytes);
    if (gathered_.empty() && count == room) {
      SKEIN_RETURN_IF_ERROR(WriteNow(offset, next, count));
    } else {
      if (gathered_.empty()) gathered_offset_ = offset;
      gathered_.insert(gathered_.end(), next, next + count);
      if (count == room) SKEIN_RETURN_IF_ERROR(Flush());
    }
    next += count;
    offset += count;
    size_bytes -= count;
  }
  return absl::OkStatus();
}

absl::Status OutputFile::Flush() {
  absl::Status status = WriteNow(gathered_offset_, gathered_.data(), gathered_.size());
  gathered_.clear();
  return status;
}

absl::Status OutputFile::WriteNow(uint64_t offset, const uint8_t* data, uint64_t size_bytes) {
  while (size_bytes > 0) {
    const ssize_t written = pwrite(fd_, data, size_bytes, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoStatus(errno, temporary_path_, "write");
    data += written;
    offset += static_cast<uint64_t>(written);
    size_bytes -= static_cast<uint64_t>(written);
  }
  return absl::OkStatus();
}

absl::Status OutputFile::SetSize(uint64_t size_bytes) {
  SKEIN_RETURN_IF_ERROR(Flush());
  if (ftruncate(fd_, static_cast<off_t>(size_bytes)) != 0) return ErrnoStatus(errno, temporary_path_, "extend");
  return absl::OkStatus();
}

absl::Status OutputFile::Commit() {
  SKEIN_RETURN_IF_ERROR(Flush());
  if (fsync(fd_) != 0) return ErrnoStatus(errno, temporary_path_, "write");
  const int renamed = if_exists_ == IfExists::kReplace ? rename(temporary_path_.c_str(), path_.c_str())
                                                       : RenameToNew(temporary_path_.c_str(), path_);
  if (renamed != 0) return ErrnoStatus(errno, path_, "rename to");
  close(fd_);
  fd_ = -1;
  SyncFolder(path_);
  return absl::OkStatus();
}

}  // namespace skein
