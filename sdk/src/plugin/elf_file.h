// A check of a shared object's headers before the loader maps it. The loader trusts the headers: it maps segments that
// lie behind the file's end, and the process dies by SIGBUS at the first touch. A file that is being copied is in that
// state for a while.
#ifndef SKEIN_PLUGIN_ELF_FILE_H_
#define SKEIN_PLUGIN_ELF_FILE_H_

#include <string>

#include "absl/status/status.h"

namespace skein {

// Checks that an open regular file is a whole shared object for this machine: its header, its program headers and their
// segments, its section table, which linkers write last. FAILED_PRECONDITION: it is not; the message begins with
// `path`, and says what was expected and what was found. Reads headers alone, and maps nothing.
absl::Status CheckSharedObject(int descriptor, const std::string& path);

}  // namespace skein

#endif  // SKEIN_PLUGIN_ELF_FILE_H_
