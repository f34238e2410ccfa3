// A shared object in this process.
#ifndef SKEIN_PLUGIN_DYNAMIC_LIBRARY_H_
#define SKEIN_PLUGIN_DYNAMIC_LIBRARY_H_

#include <string>

#include "absl/status/statusor.h"

namespace skein {

// A copyable reference to a loaded library. It is never unloaded: code of a plugin may be on some thread's stack, and
// its strings in someone's log, for as long as the process lives.
class DynamicLibrary {
 public:
  // Loads `path` (RTLD_NOW | RTLD_LOCAL), if CheckSharedObject has nothing against it. NOT_FOUND: no such file;
  // FAILED_PRECONDITION: not a whole library that loads here.
  static absl::StatusOr<DynamicLibrary> Load(const std::string& path);

  // The address of an exported symbol; nullptr if there is none.
  void* Symbol(const char* name) const;

 private:
  explicit DynamicLibrary(void* handle) : handle_(handle) {}
  void* handle_;
};

}  // namespace skein

#endif  // SKEIN_PLUGIN_DYNAMIC_LIBRARY_H_
