#include "formats/pth/reader.h"

#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "formats/pth/archive.h"
#include "formats/pth/inflate.h"
#include "formats/pth/old_file.h"
#include "formats/pth/pickle.h"
#include "formats/pth/storages.h"
#include "formats/shard_index/shard_index.h"

namespace skein::formats {
namespace {

using plugin::FailCorrupt;
using plugin::FailUnsupported;
using plugin::Quote;

constexpr std::array<uint8_t, 4> kZipStart = {'P', 'K', 3, 4};
constexpr std::string_view kPickleName = "data.pkl";
constexpr std::string_view kNameEnds[] = {".pth", ".pt", ".ckpt", ".bin.index.json"};

bool IsZip(std::span<const uint8_t> file) {
  return file.size() >= kZipStart.size() && std::equal(kZipStart.begin(), kZipStart.end(), file.begin());
}

std::string_view AsText(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Adds the storage in `entry` to what the checkpoint checks or decodes.
StoragePlace PlaceOf(const ZipEntry& entry, plugin::CheckpointBuilder* builder) {
  StoragePlace place = {.name = entry.name, .size_bytes = entry.plain_bytes};
  if (entry.is_deflated) {
    place.encoded = builder->AddEncoded({.size_bytes = entry.plain_bytes, .decode = [entry](uint8_t* destination) {
                                           Inflate(entry.bytes, destination, entry.plain_bytes);
                                           CheckContents(entry, {destination, entry.plain_bytes});
                                         }});
    return place;
  }
  place.data = entry.bytes.data();
  if (entry.crc32) {
    place.checksum = builder->AddChecksum({.name = entry.name, .bytes = entry.bytes, .crc32 = *entry.crc32});
  }
  return place;
}

void CheckByteOrder(const Archive& archive) {
  const ZipEntry* entry = archive.Find("byteorder");
  if (entry == nullptr) return;
  std::vector<uint8_t> buffer;
  const std::string_view order = AsText(Archive::Contents(*entry, &buffer));
  if (order != "little") FailUnsupported("expected byteorder \"little\", found " + Quote(order));
}

plugin::Checkpoint ReadZip(std::span<const uint8_t> file) {
  const Archive archive(file);
  CheckByteOrder(archive);
  std::vector<uint8_t> buffer;
  plugin::ByteReader reader(Archive::Contents(*archive.Find(kPickleName), &buffer), "pickle");
  PickledCheckpoint pickled = ReadPickle(&reader);

  plugin::CheckpointBuilder builder;
  for (auto& [key, value] : pickled.metadata) builder.AddMetadata(std::move(key), std::move(value));
  std::unordered_map<std::string_view, StoragePlace> places;
  for (const PickledTensor& tensor : pickled.tensors) {
    const auto [known, is_new] = places.try_emplace(tensor.storage_key);
    if (is_new) {
      const std::string name = "data/" + std::string(tensor.storage_key);
      const ZipEntry* entry = archive.Find(name);
      if (entry == nullptr) {
        FailCorrupt("tensor " + Quote(tensor.name) + ": expected its storage in the entry " + name +
                    ", found no such entry");
      }
      known->second = PlaceOf(*entry, &builder);
    }
    builder.Add(ViewStorage(tensor, known->second));
  }
  return builder.Finish();
}

plugin::Checkpoint ReadFile(const plugin::Source& source) {
  // Such a file names code of DeepSpeed, so that its pickle would be refused for another reason.
  if (source.file_name().ends_with("_optim_states.pt")) {
    FailUnsupported(
        "is the optimiser's file of one DeepSpeed process (ZeRO); expected the joined weights, which zero_to_fp32.py "
        "makes: DeepSpeed writes it beside the folder");
  }
  plugin::Checkpoint checkpoint;
  if (IsOldFile(source.bytes())) {
    checkpoint = ReadOldFile(source.bytes());
  } else if (IsZip(source.bytes())) {
    checkpoint = ReadZip(source.bytes());
  } else {
    FailCorrupt("expected a zip or a file of PyTorch before 1.6, found a file that starts with " +
                Quote(AsText(source.bytes().first(std::min<size_t>(source.bytes().size(), 4)))));
  }
  checkpoint.weight_types = WeightStorageNames();
  return checkpoint;
}

}  // namespace

uint32_t Pth::Probe(std::span<const uint8_t> file, std::string_view path) noexcept {
  const bool named_so = std::any_of(std::begin(kNameEnds), std::end(kNameEnds),
                                    [&](std::string_view extension) { return path.ends_with(extension); });
  if (IsOldFile(file)) return 95;
  if (LooksLikeShardIndex(file)) return NamesPyTorchShards(file) ? 95 : 0;
  if (IsZip(file)) {
    // The first entry is the pickle in files that torch.save wrote; its name begins 30 bytes into the file.
    constexpr size_t kProbedBytes = 4096;
    const std::string_view start = AsText(file.first(std::min(file.size(), kProbedBytes)));
    if (start.find(kPickleName) != std::string_view::npos) return 95;
    return named_so ? 80 : 30;
  }
  return named_so ? 20 : 0;  // so that a damaged file is refused with this format's message
}

plugin::Checkpoint Pth::Read(const plugin::Source& source) {
  return LooksLikeShardIndex(source.bytes()) ? ReadShards(source, ReadFile) : ReadFile(source);
}

}  // namespace skein::formats
