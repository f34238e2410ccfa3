#include "output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "failure.h"
#include "orderly_end.h"
#include "standard_streams.h"
#include "system/whole_file.h"

namespace skein::cli {
namespace {

// Whether `path` is another name of standard output, such as /dev/stdout.
bool IsStandardOutput(const struct stat& info) {
  struct stat output;
  return fstat(STDOUT_FILENO, &output) == 0 && output.st_dev == info.st_dev && output.st_ino == info.st_ino;
}

}  // namespace

// A file on its way to its place.
struct DataWriter::File {
  File(const std::string& path, const UnfinishedFile::Pause& pause)
      : whole(path, IfExists::kReplace), unfinished(whole.temporary_path(), pause) {}

  WholeFile whole;
  UnfinishedFile unfinished;
  uint64_t size_bytes = 0;
};

DataWriter::DataWriter() : where_("standard output"), descriptor_(STDOUT_FILENO) {}

DataWriter::DataWriter(const std::string& path) : DataWriter() {
  struct stat info;
  const bool exists = path != "-" && stat(path.c_str(), &info) == 0;
  if (path == "-" || (exists && IsStandardOutput(info))) return;
  where_ = path;
  if (!exists || S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)) {
    OpenFile(path);
    return;
  }
  device_ = Descriptor(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!device_.is_open()) throw Failure(where_ + ": cannot be written: " + std::strerror(errno));
  descriptor_ = device_.number();
}

DataWriter::~DataWriter() = default;

void DataWriter::OpenFile(const std::string& path) {
  try {
    file_ = std::make_unique<File>(path, UnfinishedFile::MakePause());
  } catch (const FileError& error) {
    throw Failure(error.what());
  }
}

void DataWriter::Write(std::string_view bytes) {
  if (file_ != nullptr) {
    try {
      file_->whole.WriteAt(file_->size_bytes, bytes.data(), bytes.size());
      file_->size_bytes += bytes.size();
      return;
    } catch (const FileError& error) {
      throw Failure(error.what());
    }
  }
  const int error = WriteAll(descriptor_, bytes);
  if (error == EPIPE && descriptor_ == STDOUT_FILENO) throw OutputClosed();
  if (error != 0) throw Failure(where_ + ": cannot be written: " + std::strerror(error));
}

void DataWriter::Write(std::span<const float> values) {
  Write(std::string_view(reinterpret_cast<const char*>(values.data()), values.size_bytes()));
}

void DataWriter::Close() {
  if (file_ != nullptr) {
    try {
      file_->whole.Commit();
    } catch (const FileError& error) {
      throw Failure(error.what());
    }
    file_.reset();
  }
  if (device_.Close() != 0) throw Failure(where_ + ": cannot be written: " + std::strerror(errno));
}

std::optional<std::string> OutputPath(const Arguments& arguments, std::string_view option) {
  std::optional<std::string> path = arguments.Text(option);
  if (path && path->empty()) {
    throw UsageError(std::string(arguments.command().name) + ": --" + std::string(option) +
                     ": expected the name of a file, found an empty one");
  }
  return path;
}

void WriteWhole(const std::string& path, std::string_view bytes) {
  const OrderlyEnd end;
  try {
    UnfinishedFile::Pause pause = UnfinishedFile::MakePause();
    WholeFile file(path, IfExists::kReplace);
    const UnfinishedFile unfinished(file.temporary_path(), pause);
    pause.unlock();
    file.WriteAt(0, bytes.data(), bytes.size());
    file.Commit();
  } catch (const FileError& error) {
    throw Failure(error.what());
  }
}

void PrintError(std::string_view text) { WriteAll(STDERR_FILENO, text); }

void Note(const std::string& line) { PrintError(line + "\n"); }

}  // namespace skein::cli
