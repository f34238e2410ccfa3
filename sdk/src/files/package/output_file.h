// A file that appears whole or not at all, as WholeFile has it, with errors as statuses and writes that are gathered.
#ifndef SKEIN_FILES_PACKAGE_OUTPUT_FILE_H_
#define SKEIN_FILES_PACKAGE_OUTPUT_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "system/whole_file.h"

namespace skein {

// Threads: one at a time.
class OutputFile {
 public:
  // INVALID_ARGUMENT: no path, or, with kReplace, a thing there that is no regular file. ALREADY_EXISTS: with kFail.
  // Asked before long work, so that nobody waits for a conversion that cannot end well.
  static absl::Status Check(const std::string& path, IfExists if_exists);

  // The codes of Check. NOT_FOUND: no such folder. PERMISSION_DENIED.
  static absl::StatusOr<std::unique_ptr<OutputFile>> Create(const std::string& path, IfExists if_exists);
  // Nothing is left, unless Commit succeeded.
  ~OutputFile() = default;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  // Writes at `offset`, in any order; gaps are zeros. Data of consecutive calls that adjoins is gathered into pieces of
  // a huge page. Where the file system can, it then keeps the file in such pieces and maps it in huge pages: with small
  // pages, programs that use large mapped data lose up to a fifth of their speed. RESOURCE_EXHAUSTED: the disk is full,
  // perhaps for an earlier call's data.
  absl::Status WriteAt(uint64_t offset, const void* data, uint64_t size_bytes);

  // Cuts or extends the file to `size_bytes`.
  absl::Status SetSize(uint64_t size_bytes);

  // Makes the file durable and puts it in its place. ALREADY_EXISTS: with kFail, another file has appeared there.
  absl::Status Commit();

 private:
  OutputFile(const std::string& path, IfExists if_exists) : file_(path, if_exists) {}

  // Writes the gathered data.
  absl::Status Flush();
  absl::Status WriteNow(uint64_t offset, const uint8_t* data, uint64_t size_bytes);

  WholeFile file_;
  std::vector<uint8_t> gathered_;  // to be written at gathered_offset_; ends within a piece
  uint64_t gathered_offset_ = 0;
};

}  // namespace skein

#endif  // SKEIN_FILES_PACKAGE_OUTPUT_FILE_H_
