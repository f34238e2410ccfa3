#include "system/whole_file.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

namespace skein {
namespace {

constexpr mode_t kNewMode = 0666;  // less the umask
constexpr int kMaxLinks = 40;

[[noreturn]] void Fail(int number, const std::string& path, const char* what) {
  throw FileError(number, path + ": cannot " + what + ": " + std::strerror(number));
}

// With the separator at its end; "" is the current folder.
std::string FolderOf(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }

// The path behind all links. The last one may lead to a file that does not exist.
std::string FollowLinks(const std::string& path) {
  std::string target = path;
  for (int num_links = 0; num_links < kMaxLinks; ++num_links) {
    char link[PATH_MAX];
    const ssize_t size = readlink(target.c_str(), link, sizeof(link));
    if (size <= 0) return target;  // no link, or nothing
    if (link[0] == '/') target.clear();
    target = FolderOf(target).append(link, static_cast<size_t>(size));
  }
  Fail(ELOOP, path, "be written");
}

const char* KindName(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  if (S_ISFIFO(mode)) return "a FIFO";
  return S_ISSOCK(mode) ? "a socket" : "no regular file";
}

// Short, so that it is not too long where the file's own name is not. Made of random bits, because another machine or
// container that works in the same folder may have a process of the same number.
std::string TemporaryPath(const std::string& target) {
  static std::atomic<uint32_t> counter{0};
  uint32_t bits = 0;
  if (getrandom(&bits, sizeof(bits), GRND_NONBLOCK) != sizeof(bits)) bits = static_cast<uint32_t>(getpid());
  char name[64];
  std::snprintf(name, sizeof(name), "skein-%08x-%u.tmp", bits, counter.fetch_add(1));
  return FolderOf(target) + name;
}

// rename() that does not replace a file. Where the file system cannot do that in one operation, a file that appears
// between the check and the rename is lost.
int RenameToNew(const std::string& from, const std::string& to) {
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != ENOSYS && errno != EINVAL) return -1;
  struct stat info;
  if (lstat(to.c_str(), &info) == 0) {
    errno = EEXIST;
    return -1;
  }
  return rename(from.c_str(), to.c_str());
}

// Makes the names in the folder `name`, "" for the current one, survive a loss of power, where the file system can. The
// files themselves are safe either way.
void SyncFolder(const std::string& name) {
  const Descriptor folder(open(name.empty() ? "." : name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.is_open()) fsync(folder.number());
}

}  // namespace

void WholeFile::Check(const std::string& path, IfExists if_exists) {
  if (path.empty()) throw FileError(EINVAL, "output file: expected a path, found an empty one");
  struct stat info;
  if (if_exists == IfExists::kFail) {
    if (lstat(path.c_str(), &info) == 0) throw FileError(EEXIST, path + ": exists");
  } else if (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    throw FileError(EINVAL, path + ": is " + KindName(info.st_mode) + "; expected a regular file, or none");
  }
}

WholeFile::WholeFile(const std::string& path, IfExists if_exists)
    : path_(path),
      target_((Check(path, if_exists), FollowLinks(path))),
      temporary_path_(TemporaryPath(target_)),
      if_exists_(if_exists) {
  if (!OpenNameless()) OpenNamed();
  try {
    TakePermissions();
  } catch (...) {
    if (has_name_) unlink(temporary_path_.c_str());
    throw;
  }
}

void WholeFile::OpenNamed() {
  file_ = Descriptor(open(temporary_path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kNewMode));
  if (!file_.is_open()) Fail(errno, path_, "be written");
  has_name_ = true;
}

bool WholeFile::OpenNameless() {
  const std::string folder = FolderOf(target_);
  file_ = Descriptor(open(folder.empty() ? "." : folder.c_str(), O_RDWR | O_TMPFILE | O_CLOEXEC, kNewMode));
  if (!file_.is_open()) return false;
  // The file gets its name by way of /proc, which a changed root may lack.
  char name[64];
  std::snprintf(name, sizeof(name), "/proc/thread-self/fd/%d", file_.number());
  if (access(name, F_OK) == 0) return true;
  file_.Close();
  return false;
}

void WholeFile::TakePermissions() {
  struct stat old;
  struct stat made;
  if (if_exists_ == IfExists::kFail || stat(target_.c_str(), &old) != 0) return;
  if (fstat(file_.number(), &made) != 0) Fail(errno, path_, "be looked at");
  mode_t mode = old.st_mode & (S_IRWXU | S_IRWXG | S_IRWXO);
  // Most processes may give a file to no other owner. Another group than the old one does not get its rights.
  constexpr auto kSameUser = static_cast<uid_t>(-1);
  constexpr auto kSameGroup = static_cast<gid_t>(-1);
  if (old.st_gid != made.st_gid && fchown(file_.number(), kSameUser, old.st_gid) != 0) mode &= ~mode_t{S_IRWXG};
  if (old.st_uid != made.st_uid) static_cast<void>(!fchown(file_.number(), old.st_uid, kSameGroup));
  if (fchmod(file_.number(), mode) != 0) Fail(errno, path_, "be given its permissions");
}

WholeFile::~WholeFile() {
  if (has_name_) unlink(temporary_path_.c_str());
}

void WholeFile::WriteAt(uint64_t offset, const void* data, uint64_t size_bytes) {
  const char* next = static_cast<const char*>(data);
  while (size_bytes > 0) {
    const ssize_t written = pwrite(file_.number(), next, size_bytes, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) Fail(errno, path_, "be written");
    next += written;
    offset += static_cast<uint64_t>(written);
    size_bytes -= static_cast<uint64_t>(written);
  }
}

void WholeFile::SetSize(uint64_t size_bytes) {
  if (ftruncate(file_.number(), static_cast<off_t>(size_bytes)) != 0) Fail(errno, path_, "be extended");
}

int WholeFile::Link(const std::string& name) const {
  char proc[64];
  std::snprintf(proc, sizeof(proc), "/proc/thread-self/fd/%d", file_.number());
  return linkat(AT_FDCWD, proc, AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

void WholeFile::CopyToNamed() {
  const Descriptor nameless = std::move(file_);
  OpenNamed();
  TakePermissions();
  std::vector<char> piece(size_t{1} << 20);
  uint64_t done = 0;
  while (true) {
    const ssize_t size = pread(nameless.number(), piece.data(), piece.size(), static_cast<off_t>(done));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) Fail(errno, path_, "be copied");
    if (size == 0) break;
    WriteAt(done, piece.data(), static_cast<uint64_t>(size));
    done += static_cast<uint64_t>(size);
  }
  if (fsync(file_.number()) != 0) Fail(errno, path_, "be written");
}

int WholeFile::PutInPlace() {
  if (!has_name_) {
    int error = Link(target_);
    if (error == 0 || (error == EEXIST && if_exists_ == IfExists::kFail)) return error;
    // Nothing puts a file without a name in another's place. So it gets a name for the moment until the rename.
    if (error == EEXIST) error = Link(temporary_path_);
    if (error != 0) CopyToNamed();  // some sandboxes refuse links, and a long conversion is not to be lost
    has_name_ = true;
  }
  const int renamed = if_exists_ == IfExists::kReplace ? rename(temporary_path_.c_str(), target_.c_str())
                                                       : RenameToNew(temporary_path_, target_);
  if (renamed != 0) return errno;
  has_name_ = false;
  return 0;
}

void WholeFile::Commit() {
  const std::string folder = FolderOf(target_);  // needs memory, which may run out only before the file is there
  if (fsync(file_.number()) != 0) Fail(errno, path_, "be written");
  if (const int error = PutInPlace()) Fail(error, path_, "be written");
  if (file_.Close() != 0) Fail(errno, path_, "be written");
  SyncFolder(folder);
}

}  // namespace skein
