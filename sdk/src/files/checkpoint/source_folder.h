// The file that a format plugin reads, and the files beside it that the plugin may ask for.
#ifndef SKEIN_FILES_CHECKPOINT_SOURCE_FOLDER_H_
#define SKEIN_FILES_CHECKPOINT_SOURCE_FOLDER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/file.h"
#include "base/mutex.h"
#include "skein/plugin.h"

namespace skein {

// Threads: any.
class SourceFolder {
 public:
  explicit SourceFolder(std::unique_ptr<File> main);
  SourceFolder(const SourceFolder&) = delete;
  SourceFolder& operator=(const SourceFolder&) = delete;

  // The file that the constructor got. It lives as long as the SourceFolder, and so do its siblings.
  const skein_source& main() const { return main_->source; }
  const std::string& path() const { return main_->file->path(); }

  // Another file of the same folder. A file is opened once, however often it is asked for. INVALID_ARGUMENT: not a
  // plain file name, or the file stands in for another (RefuseStandIn). RESOURCE_EXHAUSTED: too many files. And the
  // codes of File::Open.
  absl::StatusOr<const skein_source*> OpenSibling(const std::string& name);

  // Whether [data, data + size_bytes) lies inside one of the files opened so far.
  bool Contains(const void* data, uint64_t size_bytes) const;

  // The bytes of all files opened so far.
  uint64_t TotalBytes() const;

 private:
  struct OpenFile {
    std::string name;
    std::unique_ptr<File> file;
    skein_source source;
  };

  OpenFile* Add(std::string name, std::unique_ptr<File> file) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const FileAccess access_;
  const std::string folder_;        // with the separator at the end
  const OpenFile* main_ = nullptr;  // constant once constructed

  mutable Mutex mutex_;
  std::deque<OpenFile> files_ ABSL_GUARDED_BY(mutex_);  // a deque, so that the addresses of sources stay valid
};

}  // namespace skein

#endif  // SKEIN_FILES_CHECKPOINT_SOURCE_FOLDER_H_
