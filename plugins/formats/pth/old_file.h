// PyTorch's files before version 1.6, which are no zip: five pickles, then the storages one after another.
#ifndef SKEIN_PLUGINS_FORMATS_PTH_OLD_FILE_H_
#define SKEIN_PLUGINS_FORMATS_PTH_OLD_FILE_H_

#include <cstdint>
#include <span>

#include "support/checkpoint.h"

namespace skein::formats {

// Whether the file starts with the number that such files begin with.
bool IsOldFile(std::span<const uint8_t> file);

// The directory of the file. Throws plugin::Error: the codes of ReadPickle; DATA_LOSS if storages are missing or cut
// off; UNIMPLEMENTED for another version, and for a big-endian file.
plugin::Checkpoint ReadOldFile(std::span<const uint8_t> file);

}  // namespace skein::formats

#endif  // SKEIN_PLUGINS_FORMATS_PTH_OLD_FILE_H_
