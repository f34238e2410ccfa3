#include "files/package/output_file.h"

#include <algorithm>
#include <cerrno>

#include "absl/functional/function_ref.h"
#include "base/status.h"

namespace skein {
namespace {

// The file is written in pieces of this size, each at a multiple of it: a huge page of the usual processors.
constexpr uint64_t kPieceBytes = uint64_t{2} << 20;

absl::StatusCode CodeOf(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::StatusCode::kNotFound;
    case EEXIST:
      return absl::StatusCode::kAlreadyExists;
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::StatusCode::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case ENOMEM:
      return absl::StatusCode::kResourceExhausted;
    default:
      return absl::StatusCode::kInvalidArgument;
  }
}

// Calls `work`, and makes a status of the FileError that it throws.
absl::Status Try(absl::FunctionRef<void()> work) {
  try {
    work();
    return absl::OkStatus();
  } catch (const FileError& error) {
    return absl::Status(CodeOf(error.number()), error.what());
  }
}

}  // namespace

absl::Status OutputFile::Check(const std::string& path, IfExists if_exists) {
  return Try([&] { WholeFile::Check(path, if_exists); });
}

absl::StatusOr<std::unique_ptr<OutputFile>> OutputFile::Create(const std::string& path, IfExists if_exists) {
  std::unique_ptr<OutputFile> file;
  SKEIN_RETURN_IF_ERROR(Try([&] { file.reset(new OutputFile(path, if_exists)); }));
  return file;
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
  return Try([&] { file_.WriteAt(offset, data, size_bytes); });
}

absl::Status OutputFile::SetSize(uint64_t size_bytes) {
  SKEIN_RETURN_IF_ERROR(Flush());
  return Try([&] { file_.SetSize(size_bytes); });
}

absl::Status OutputFile::Commit() {
  SKEIN_RETURN_IF_ERROR(Flush());
  return Try([&] { file_.Commit(); });
}

}  // namespace skein
