// The zip file that torch.save writes: its pickle and its storages by name.
#ifndef SKEIN_PLUGINS_FORMATS_PTH_ARCHIVE_H_
#define SKEIN_PLUGINS_FORMATS_PTH_ARCHIVE_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "formats/pth/zip_directory.h"

namespace skein::formats {

// Borrows the file. Const access from any thread.
class Archive {
 public:
  // Throws plugin::Error: the codes of ReadZipDirectory; UNIMPLEMENTED for a zip of anything else, which it names, and
  // for a TorchScript archive.
  explicit Archive(std::span<const uint8_t> file);

  // The entry `name` of the folder that all of a checkpoint's entries are in; nullptr if there is none.
  const ZipEntry* Find(std::string_view name) const;

  // The contents of an entry that is read at once: in the file, or in `buffer`. Throws DATA_LOSS if its checksum
  // differs, RESOURCE_EXHAUSTED if a deflated one is larger than any pickle.
  static std::span<const uint8_t> Contents(const ZipEntry& entry, std::vector<uint8_t>* buffer);

 private:
  const std::vector<ZipEntry> entries_;
  std::unordered_map<std::string_view, const ZipEntry*> by_name_;
  std::string folder_;  // with the separator at its end
};

// Throws DATA_LOSS if `contents` do not have the checksum of the entry, where it has one.
void CheckContents(const ZipEntry& entry, std::span<const uint8_t> contents);

}  // namespace skein::formats

#endif  // SKEIN_PLUGINS_FORMATS_PTH_ARCHIVE_H_
