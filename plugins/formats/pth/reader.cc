#include "formats/pth/reader.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "formats/pth/pickle.h"
#include "formats/pth/zip_directory.h"
#include "support/crc32.h"

namespace skein::formats {
namespace {

using plugin::FailCorrupt;
using plugin::FailUnsupported;
using plugin::Quote;

constexpr std::array<uint8_t, 4> kZipStart = {'P', 'K', 3, 4};
// The format before 1.6 starts with a pickle of the number 0x1950a86a20f9469cfc6c.
constexpr std::array<uint8_t, 14> kOldStart = {0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c,
                                               0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
constexpr std::string_view kPickleName = "/data.pkl";

template <size_t N>
bool StartsWith(std::span<const uint8_t> file, const std::array<uint8_t, N>& start) {
  return file.size() >= N && std::equal(start.begin(), start.end(), file.begin());
}

std::string_view AsText(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The entries of the zip by name, and the folder that all of a checkpoint's entries are in.
class Archive {
 public:
  explicit Archive(std::span<const uint8_t> file) : entries_(ReadZipDirectory(file)) {
    for (const ZipEntry& entry : entries_) {
      by_name_.emplace(entry.name, &entry);
      if (!entry.name.ends_with(kPickleName)) continue;
      const std::string_view folder = entry.name.substr(0, entry.name.size() - kPickleName.size());
      if (folder.find('/') != std::string_view::npos) continue;
      if (!folder_.empty()) FailCorrupt("zip: expected one data.pkl, found " + Quote(entry.name) + " as well");
      folder_ = folder;
    }
    if (folder_.empty()) {
      FailUnsupported("zip: expected an entry NAME/data.pkl, as torch.save writes it, found none among " +
                      std::to_string(entries_.size()));
    }
  }

  // NULL if there is none.
  const ZipEntry* Find(std::string_view name) const {
    const auto found = by_name_.find(std::string(folder_) + "/" + std::string(name));
    return found == by_name_.end() ? nullptr : found->second;
  }

  // The bytes of an entry that is read at once, checksum and all.
  static std::span<const uint8_t> CheckedBytes(const ZipEntry& entry) {
    const uint32_t found = plugin::Crc32(entry.bytes);
    if (entry.crc32 && *entry.crc32 != found) {
      FailCorrupt("zip: entry " + Quote(entry.name) + ": expected CRC-32 " + std::to_string(*entry.crc32) + ", found " +
                  std::to_string(found));
    }
    return entry.bytes;
  }

 private:
  std::vector<ZipEntry> entries_;
  std::unordered_map<std::string, const ZipEntry*> by_name_;
  std::string_view folder_;
};

// `entry` is the storage that `pickled` views.
plugin::Tensor MakeTensor(const PickledTensor& pickled, const ZipEntry& entry) {
  const std::string where = "tensor " + Quote(pickled.name);
  const StorageClass& storage_class = *pickled.storage_class;
  const uint64_t storage_elements = entry.bytes.size() / storage_class.element_bytes;
  if (pickled.storage_elements != storage_elements) {
    FailCorrupt(where + ": expected a storage of " + std::to_string(pickled.storage_elements) + " elements (" +
                std::string(storage_class.name) + "), found " + std::to_string(entry.bytes.size()) + " bytes in " +
                Quote(entry.name));
  }
  const std::string shape_text = plugin::ShapeText(pickled.shape);
  const std::optional<uint64_t> elements = plugin::CountElements(pickled.shape);
  // In a view with more elements than its storage some coincide (an expanded view). A tiny file could then ask for any
  // amount of memory.
  if (!elements || *elements > storage_elements) {
    FailCorrupt(where + ": expected a shape of at most the " + std::to_string(storage_elements) +
                " elements of its storage, found " + shape_text);
  }
  uint64_t first = 0;
  if (*elements > 0) {
    first = pickled.storage_offset;
    uint64_t last = first;
    bool fits = true;
    for (size_t i = 0; i < pickled.shape.size(); ++i) {
      uint64_t reach = 0;
      fits = fits && !__builtin_mul_overflow(pickled.shape[i] - 1, pickled.strides[i], &reach) &&
             !__builtin_add_overflow(last, reach, &last);
    }
    if (!fits || last >= storage_elements) {
      FailCorrupt(where + ": expected every element within the " + std::to_string(storage_elements) +
                  " of its storage, found offset " + std::to_string(pickled.storage_offset) + ", shape " + shape_text +
                  ", strides " + plugin::ShapeText(pickled.strides));
    }
  }
  return {.name = std::string(pickled.name),
          .dtype = storage_class.dtype,
          .stored_type = "torch." + std::string(storage_class.name),
          .shape = pickled.shape,
          .strides = pickled.strides,
          .data = entry.bytes.data() + first * storage_class.element_bytes};
}

}  // namespace

uint32_t Pth::Probe(std::span<const uint8_t> file, std::string_view path) noexcept {
  const bool named_so = path.ends_with(".pth") || path.ends_with(".pt");
  if (StartsWith(file, kOldStart)) return 90;
  if (StartsWith(file, kZipStart)) {
    // The first entry is the pickle in every file seen; its name begins 30 bytes into the file.
    constexpr size_t kProbedBytes = 4096;
    const std::string_view start = AsText(file.first(std::min(file.size(), kProbedBytes)));
    if (start.find(kPickleName) != std::string_view::npos) return 95;
    return named_so ? 80 : 30;
  }
  return named_so ? 20 : 0;  // so that a damaged file is refused with this format's message
}

plugin::Checkpoint Pth::Read(const plugin::Source& source) {
  const std::span<const uint8_t> file = source.bytes();
  if (StartsWith(file, kOldStart)) {
    FailUnsupported(
        "expected a zip, found the format of PyTorch before 1.6; save it again with a newer one: "
        "torch.save(torch.load(OLD, map_location='cpu'), NEW)");
  }
  if (!StartsWith(file, kZipStart)) {
    FailCorrupt("expected a zip, found a file that starts with " +
                Quote(AsText(file.first(std::min<size_t>(file.size(), 4)))));
  }
  const Archive archive(file);
  if (const ZipEntry* entry = archive.Find("byteorder"); entry != nullptr) {
    const std::string_view order = AsText(Archive::CheckedBytes(*entry));
    if (order != "little") FailUnsupported("expected byteorder \"little\", found " + Quote(order));
  }
  PickledCheckpoint pickled = ReadPickle(Archive::CheckedBytes(*archive.Find(kPickleName.substr(1))));

  plugin::CheckpointBuilder builder;
  for (auto& [key, value] : pickled.metadata) builder.AddMetadata(std::move(key), std::move(value));
  std::unordered_map<std::string_view, size_t> checksum_of_entry;
  for (const PickledTensor& view : pickled.tensors) {
    const ZipEntry* entry = archive.Find("data/" + std::string(view.storage_key));
    if (entry == nullptr) {
      FailCorrupt("tensor " + Quote(view.name) + ": expected its storage in the entry data/" +
                  std::string(view.storage_key) + ", found no such entry");
    }
    plugin::Tensor tensor = MakeTensor(view, *entry);
    if (entry->crc32) {
      const auto [known, added] = checksum_of_entry.try_emplace(entry->name, 0);
      if (added) {
        known->second = builder.AddChecksum({.name = entry->name, .bytes = entry->bytes, .crc32 = *entry->crc32});
      }
      tensor.checksum = known->second;
    }
    builder.Add(std::move(tensor));
  }
  return builder.Finish();
}

}  // namespace skein::formats
