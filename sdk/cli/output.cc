#include "output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "handles.h"

namespace skein::cli {

DataWriter::DataWriter() : where_("standard output"), descriptor_(STDOUT_FILENO) {}

DataWriter::DataWriter(const std::string& path) : DataWriter() {
  if (path == "-") return;
  where_ = path;
  descriptor_ = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor_ < 0) throw Failure(where_ + ": cannot be written: " + std::strerror(errno));
}

DataWriter::~DataWriter() {
  if (descriptor_ > STDERR_FILENO) close(descriptor_);
}

void DataWriter::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      if (errno == EPIPE && descriptor_ == STDOUT_FILENO) throw OutputClosed();
      throw Failure(where_ + ": " + std::strerror(errno));
    }
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

void DataWriter::Write(std::span<const float> values) {
  Write(std::string_view(reinterpret_cast<const char*>(values.data()), values.size_bytes()));
}

void DataWriter::Close() {
  if (descriptor_ <= STDERR_FILENO) return;
  const int descriptor = descriptor_;
  descriptor_ = -1;
  if (close(descriptor) != 0) throw Failure(where_ + ": " + std::strerror(errno));
}

void WriteWhole(const std::string& path, std::string_view bytes) {
  std::string part = path + ".XXXXXX";
  const int descriptor = mkostemp(part.data(), O_CLOEXEC);
  if (descriptor < 0) throw Failure(path + ": cannot be written: " + std::strerror(errno));
  const auto fail = [&] {
    const std::string reason = std::strerror(errno);
    close(descriptor);
    unlink(part.c_str());
    throw Failure(path + ": cannot be written: " + reason);
  };
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      fail();
    }
  }
  if (fsync(descriptor) != 0 || rename(part.c_str(), path.c_str()) != 0) fail();
  close(descriptor);
}

void Note(const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }

}  // namespace skein::cli
