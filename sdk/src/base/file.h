// A whole file in memory, mapped or read.
#ifndef SKEIN_BASE_FILE_H_
#define SKEIN_BASE_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace skein {

enum class FileAccess {
  kMap,   // pages come from the file, shared with all that map it; SIGBUS if it is truncated meanwhile
  kRead,  // a copy in anonymous memory
};

// Immutable; any thread.
class File {
 public:
  // NOT_FOUND, PERMISSION_DENIED, INVALID_ARGUMENT (a folder, a device), RESOURCE_EXHAUSTED: each names the path.
  static absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, FileAccess access);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  const std::string& path() const { return path_; }
  FileAccess access() const { return access_; }
  // Begins at a multiple of kAlignment.
  absl::Span<const uint8_t> bytes() const { return {data_, size_}; }

  static constexpr uint64_t kAlignment = 64;

 private:
  File(std::string path, FileAccess access) : path_(std::move(path)), access_(access) {}

  const std::string path_;
  const FileAccess access_;
  const uint8_t* data_ = nullptr;
  uint64_t size_ = 0;
};

// The names in a folder, in order, without "." and "..". NOT_FOUND: not a folder, or one that cannot be read. Used in
// place of std::filesystem::directory_iterator, which ends the process when memory runs out.
absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& folder);

bool IsRegularFile(const std::string& path);

}  // namespace skein

#endif  // SKEIN_BASE_FILE_H_
