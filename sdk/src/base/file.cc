#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "system/descriptor.h"

namespace skein {
namespace {

absl::Status ErrnoStatus(int error, const std::string& path, const char* what) {
  const std::string text = absl::StrCat(path, ": cannot ", what, ": ", std::strerror(error));
  if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError(text);
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(text);
  if (error == ENOMEM) return absl::ResourceExhaustedError(text);
  return absl::InvalidArgumentError(text);
}

constexpr uint64_t kHugePageBytes = uint64_t{2} << 20;

// Memory for a copy of a file, to be freed by std::free; nullptr if there is none. Weights may be used in place, so a
// large copy asks for huge pages.
uint8_t* AllocateCopy(uint64_t size) {
  const uint64_t alignment = size < kHugePageBytes ? File::kAlignment : kHugePageBytes;
  if (size > UINT64_MAX - alignment) return nullptr;
  const uint64_t whole = (size + alignment - 1) / alignment * alignment;  // as aligned_alloc wants it
  void* memory = std::aligned_alloc(alignment, whole);
  if (memory != nullptr && alignment == kHugePageBytes) madvise(memory, whole, MADV_HUGEPAGE);
  return static_cast<uint8_t*>(memory);
}

}  // namespace

absl::StatusOr<std::unique_ptr<File>> File::Open(const std::string& path, FileAccess access) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) return ErrnoStatus(errno, path, "open");
  struct stat info;
  if (fstat(file.number(), &info) != 0) return ErrnoStatus(errno, path, "stat");
  if (!S_ISREG(info.st_mode)) return absl::InvalidArgumentError(absl::StrCat(path, ": not a regular file"));
  const uint64_t size = static_cast<uint64_t>(info.st_size);
  // First, because it may find no memory: it then has nothing to give back.
  std::unique_ptr<File> opened(new File(path, access));
  if (size == 0) return opened;

  if (access == FileAccess::kMap) {
    void* address = mmap(nullptr, size, PROT_READ, MAP_SHARED, file.number(), 0);
    if (address == MAP_FAILED) return ErrnoStatus(errno, path, "map");
    // This is advice: the parts that are still on the disk then come in huge pages, if the file system has them.
    if (size >= kHugePageBytes) madvise(address, size, MADV_HUGEPAGE);
    opened->data_ = static_cast<const uint8_t*>(address);
    opened->size_ = size;
    return opened;
  }
  struct Free {
    void operator()(uint8_t* memory) const { std::free(memory); }
  };
  std::unique_ptr<uint8_t, Free> copy(AllocateCopy(size));
  if (copy == nullptr) return ErrnoStatus(ENOMEM, path, "read");
  uint64_t done = 0;
  while (done < size) {
    const ssize_t got = pread(file.number(), copy.get() + done, size - done, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, path, "read");
    if (got == 0) {
      return absl::DataLossError(
          absl::StrCat(path, ": expected ", size, " bytes, found the end of the file at ", done));
    }
    done += static_cast<uint64_t>(got);
  }
  opened->data_ = copy.release();
  opened->size_ = size;
  return opened;
}

File::~File() {
  if (data_ == nullptr) return;
  if (access_ == FileAccess::kMap) {
    munmap(const_cast<uint8_t*>(data_), size_);
  } else {
    std::free(const_cast<uint8_t*>(data_));
  }
}

absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& folder) {
  Descriptor descriptor(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, int (*)(DIR*)> open_folder(descriptor.is_open() ? fdopendir(descriptor.number()) : nullptr,
                                                        closedir);
  if (open_folder == nullptr) {
    return absl::NotFoundError(absl::StrCat(folder, ": cannot read the folder: ", std::strerror(errno)));
  }
  descriptor.Release();  // closedir closes it
  std::vector<std::string> names;
  while (const dirent* entry = readdir(open_folder.get())) {
    const absl::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool IsRegularFile(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

}  // namespace skein
