#include "plugin/dynamic_library.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "plugin/elf_file.h"

namespace skein {
namespace {

// A FIFO is opened without waiting for a writer.
absl::Status CheckFile(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    const bool is_missing = errno == ENOENT || errno == ENOTDIR;
    return absl::Status(is_missing ? absl::StatusCode::kNotFound : absl::StatusCode::kFailedPrecondition,
                        absl::StrCat(path, ": cannot open: ", std::strerror(errno)));
  }
  absl::Status status = CheckSharedObject(descriptor, path);
  close(descriptor);
  return status;
}

}  // namespace

// The loader is given the path and not the descriptor that was checked: by /proc/self/fd a plugin would lose its own
// folder ($ORIGIN), in which its libraries may lie, and its name in debuggers. Whoever cuts the file between the check
// and the load could also cut it afterwards, while its code runs.
absl::StatusOr<DynamicLibrary> DynamicLibrary::Load(const std::string& path) {
  SKEIN_RETURN_IF_ERROR(CheckFile(path));
  // dlopen looks in the system's folders for a name without a slash; a plugin is always the file that was named.
  const std::string file = path.find('/') == std::string::npos ? absl::StrCat("./", path) : path;
  void* handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = dlerror();
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": expected a shared object that loads here: ", reason != nullptr ? reason : "no reason"));
  }
  return DynamicLibrary(handle);
}

void* DynamicLibrary::Symbol(const char* name) const { return dlsym(handle_, name); }

}  // namespace skein
