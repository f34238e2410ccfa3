// A file that appears whole or not at all: written beside its place under another name, and renamed when done.
#ifndef SKEIN_FILES_PACKAGE_OUTPUT_FILE_H_
#define SKEIN_FILES_PACKAGE_OUTPUT_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace skein {

enum class IfExists { kFail, kReplace };

// Threads: one at a time.
class OutputFile {
 public:
  // ALREADY_EXISTS: `path`, with kFail. NOT_FOUND: no such folder. PERMISSION_DENIED.
  static absl::StatusOr<std::unique_ptr<OutputFile>> Create(const std::string& path, IfExists if_exists);
  // Removes what was written unless Commit succeeded.
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  // Writes at `offset`, in any order; gaps are zeros. What follows each other is gathered to pieces of a huge page, in
  // which the system then keeps the file, where it can, and maps it: programs that use large mapped data lose up to a
  // fifth of their speed to small pages. RESOURCE_EXHAUSTED: the disk is full, perhaps for an earlier call's data.
  absl::Status WriteAt(uint64_t offset, const void* data, uint64_t size_bytes);

  // Cuts or extends the file to `size_bytes`.
  absl::Status SetSize(uint64_t size_bytes);

  // Makes the file durable and puts it in its place. ALREADY_EXISTS: somebody else has put a file there meanwhile, with
  // kFail.
  absl::Status Commit();

 private:
  OutputFile(std::string path, std::string temporary_path, int fd, IfExists if_exists);

  // Writes what is gathered.
  absl::Status Flush();
  absl::Status WriteNow(uint64_t offset, const uint8_t* data, uint64_t size_bytes);

  const std::string path_;
  const std::string temporary_path_;
  const IfExists if_exists_;
  int fd_;                         // -1 once committed
  std::vector<uint8_t> gathered_;  // to be written at gathered_offset_; ends within a piece
  uint64_t gathered_offset_ = 0;
};

}  // namespace skein

#endif  // SKEIN_FILES_PACKAGE_OUTPUT_FILE_H_
