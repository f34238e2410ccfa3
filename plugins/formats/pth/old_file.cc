#include "formats/pth/old_file.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "formats/pth/pickle.h"
#include "formats/pth/storages.h"
#include "support/byte_reader.h"

namespace skein::formats {
namespace {

using plugin::ByteReader;
using plugin::FailCorrupt;
using plugin::FailUnsupported;
using plugin::Quote;

// Pickles, protocol 2, of the numbers 0x1950a86a20f9469cfc6c and 1001, the version.
constexpr std::array<uint8_t, 15> kStart = {0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46,
                                            0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e};
constexpr std::array<uint8_t, 6> kVersion = {0x80, 0x02, 0x4d, 0xe9, 0x03, 0x2e};

// The pickled dict that describes the machine which wrote the file.
void CheckMachine(ByteReader* reader) {
  for (const auto& [key, value] : ReadPickle(reader).metadata) {
    if (key == "little_endian" && value != "true") {
      FailUnsupported("expected a file of a little-endian machine, found one of a big-endian machine");
    }
  }
}

// The storages behind the pickles, in the order of their keys: a number of elements, then the elements.
std::unordered_map<std::string_view, StoragePlace> ReadStorages(ByteReader* reader,
                                                                const std::vector<PickledStorage>& storages) {
  std::unordered_map<std::string_view, const PickledStorage*> pickled;
  for (const PickledStorage& storage : storages) pickled.emplace(storage.key, &storage);
  std::unordered_map<std::string_view, StoragePlace> places;
  for (const std::string_view key : ReadPickledTexts(reader)) {
    const std::string where = "storage " + Quote(key);
    const auto found = pickled.find(key);
    if (found == pickled.end()) FailCorrupt(where + ": expected a storage that the pickle names, found no such name");
    const auto num_elements = reader->Read<uint64_t>(where);
    if (num_elements != found->second->num_elements) {
      FailCorrupt(where + ": expected " + std::to_string(found->second->num_elements) + " elements as pickled, found " +
                  std::to_string(num_elements));
    }
    const std::optional<uint64_t> bytes =
        plugin::MultiplyChecked(num_elements, found->second->storage_class->element_bytes);
    if (!bytes)
      FailCorrupt(where + ": expected a size below 2^64, found " + std::to_string(num_elements) + " elements");
    const bool is_new =
        places.emplace(key, StoragePlace{.name = key, .size_bytes = *bytes, .data = reader->Take(*bytes, where).data()})
            .second;
    if (!is_new) FailCorrupt(where + ": is there twice");
  }
  return places;
}

}  // namespace

bool IsOldFile(std::span<const uint8_t> file) {
  return file.size() >= kStart.size() && std::equal(kStart.begin(), kStart.end(), file.begin());
}

plugin::Checkpoint ReadOldFile(std::span<const uint8_t> file) {
  ByteReader reader(file, "file");
  reader.Take(kStart.size(), "start");
  const std::span<const uint8_t> version = reader.Take(kVersion.size(), "version");
  if (!std::equal(version.begin(), version.end(), kVersion.begin())) {
    FailUnsupported("expected version 1001 of PyTorch's format before 1.6, found another");
  }
  CheckMachine(&reader);
  PickledCheckpoint pickled = ReadPickle(&reader);
  const std::unordered_map<std::string_view, StoragePlace> places = ReadStorages(&reader, pickled.storages);
  if (reader.remaining() > 0) {
    FailCorrupt("expected the end of the file after its storages, found " + std::to_string(reader.remaining()) +
                " bytes more");
  }

  plugin::CheckpointBuilder builder;
  for (auto& [key, value] : pickled.metadata) builder.AddMetadata(std::move(key), std::move(value));
  for (const PickledTensor& tensor : pickled.tensors) {
    const auto place = places.find(tensor.storage_key);
    if (place == places.end()) {
      FailCorrupt("tensor " + Quote(tensor.name) + ": expected the storage " + Quote(tensor.storage_key) +
                  " behind the pickles, found none");
    }
    builder.Add(ViewStorage(tensor, place->second));
  }
  return builder.Finish();
}

}  // namespace skein::formats
