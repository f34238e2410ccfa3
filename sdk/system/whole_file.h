// A file that appears whole or not at all. Where the system can, it has no name until it is complete, so that nothing
// is left of it however the process ends. Elsewhere it has another name in the same folder until then.
#ifndef SKEIN_SYSTEM_WHOLE_FILE_H_
#define SKEIN_SYSTEM_WHOLE_FILE_H_

#include <cstdint>
#include <stdexcept>
#include <string>

#include "system/descriptor.h"

namespace skein {

// The message names the path; `number` is the errno, such as ENOSPC.
class FileError : public std::runtime_error {
 public:
  FileError(int number, const std::string& message) : std::runtime_error(message), number_(number) {}
  int number() const { return number_; }

 private:
  int number_;
};

enum class IfExists { kFail, kReplace };

// Threads: one at a time. Each function throws FileError, or std::bad_alloc.
class WholeFile {
 public:
  // Throws what the constructor would throw for the place: an empty path; with kFail a file that exists (EEXIST); with
  // kReplace anything that exists and is no regular file, such as a folder, a device or a FIFO. Opens nothing.
  static void Check(const std::string& path, IfExists if_exists);

  // With kReplace, links are followed: the file that they lead to is replaced, and they stay. The new file gets the
  // permissions of the old one, and its owner and group where the process may give them. Other names (hard links) of
  // the old file keep the old content. A file that is new may be read and written by all, less the umask.
  WholeFile(const std::string& path, IfExists if_exists);
  // Removes what is there, unless Commit succeeded.
  ~WholeFile();
  WholeFile(const WholeFile&) = delete;
  WholeFile& operator=(const WholeFile&) = delete;

  // Writes at `offset`, in any order; gaps are zeros.
  void WriteAt(uint64_t offset, const void* data, uint64_t size_bytes);
  // Cuts or extends the file.
  void SetSize(uint64_t size_bytes);
  // Makes the file durable and puts it in its place. EEXIST: with kFail, another file has appeared there.
  void Commit();

  // The name that the file has, or may have for a moment during Commit, before it is complete. Who ends the process
  // while this object lives may remove it.
  const std::string& temporary_path() const { return temporary_path_; }

 private:
  bool OpenNameless();
  void OpenNamed();
  void TakePermissions();
  // Goes on with a copy that has a name, where the system gives the file none after all.
  void CopyToNamed();
  // Gives the file without a name one. 0, or an errno.
  int Link(const std::string& name) const;
  int PutInPlace();

  const std::string path_;    // as the caller wrote it, for messages
  const std::string target_;  // behind all links
  const std::string temporary_path_;
  const IfExists if_exists_;
  Descriptor file_;
  bool has_name_ = false;  // temporary_path_ exists
};

}  // namespace skein

#endif  // SKEIN_SYSTEM_WHOLE_FILE_H_
