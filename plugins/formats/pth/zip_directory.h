// The directory of a zip file whose entries are stored or deflated: where the bytes of each entry lie. ZIP64 included.
// Leaves out other compressions, encryption, archives in several parts, and reading the entries.
#ifndef SKEIN_PLUGINS_FORMATS_PTH_ZIP_DIRECTORY_H_
#define SKEIN_PLUGINS_FORMATS_PTH_ZIP_DIRECTORY_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace skein::formats {

struct ZipEntry {
  std::string_view name;           // points into the file
  std::span<const uint8_t> bytes;  // likewise, as they lie there; no two entries share bytes
  bool is_deflated = false;
  uint64_t plain_bytes = 0;       // the size of the contents: at most kMaxDeflation times that of `bytes`
  std::optional<uint32_t> crc32;  // absent where the writer left it out, as PyTorch can be told to
};

// The entries of `file` in directory order. Throws plugin::Error: DATA_LOSS if the end record, the directory and the
// local headers do not agree with each other and with the size of the file; UNIMPLEMENTED for an entry that is
// encrypted or compressed in another way.
std::vector<ZipEntry> ReadZipDirectory(std::span<const uint8_t> file);

}  // namespace skein::formats

#endif  // SKEIN_PLUGINS_FORMATS_PTH_ZIP_DIRECTORY_H_
