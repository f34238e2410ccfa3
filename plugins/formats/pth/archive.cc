#include "formats/pth/archive.h"

#include <algorithm>
#include <array>

#include "formats/pth/inflate.h"
#include "support/checkpoint.h"
#include "support/crc32.h"

namespace skein::formats {
namespace {

using plugin::FailCorrupt;
using plugin::FailUnsupported;
using plugin::Quote;

constexpr std::string_view kPickleName = "data.pkl";
constexpr uint64_t kMaxInflatedPickle = uint64_t{64} << 20;  // a hundred times that of a large model

// An entry that tells what a zip is.
struct Telltale {
  std::string_view name;
  std::string_view what;
};

constexpr Telltale kTelltales[] = {
    {"[Content_Types].xml", "an Office document"}, {"AndroidManifest.xml", "an Android package"},
    {"META-INF/MANIFEST.MF", "a Java archive"},    {"mimetype", "an OpenDocument file or e-book"},
    {"model.weights.h5", "a Keras model"},
};

// Files in a zip that a user has packed.
constexpr std::string_view kModelEnds[] = {".pth", ".pt", ".safetensors", ".gguf", ".bin", ".skein", ".ckpt"};

bool IsModel(const ZipEntry& entry) {
  return std::any_of(std::begin(kModelEnds), std::end(kModelEnds),
                     [&](std::string_view end) { return entry.name.ends_with(end); });
}

std::string KindOfZip(const std::vector<ZipEntry>& entries) {
  if (entries.empty()) return "an empty zip archive";
  for (const Telltale& telltale : kTelltales) {
    const bool is_there =
        std::any_of(entries.begin(), entries.end(), [&](const ZipEntry& entry) { return entry.name == telltale.name; });
    if (is_there) return std::string(telltale.what);
  }
  const bool is_numpy =
      std::all_of(entries.begin(), entries.end(), [](const ZipEntry& entry) { return entry.name.ends_with(".npy"); });
  if (is_numpy) return "NumPy arrays (.npz)";
  const auto model = std::find_if(entries.begin(), entries.end(), IsModel);
  if (model != entries.end())
    return "a zip archive with " + Quote(model->name) + " in it, which is to be unpacked first";
  return "a zip archive of " + std::to_string(entries.size()) + " other files, such as " + Quote(entries[0].name);
}

// The folder of the pickle, with a separator, or "" for a pickle outside of folders.
std::string FindFolder(const std::vector<ZipEntry>& entries) {
  const ZipEntry* pickle = nullptr;
  for (const ZipEntry& entry : entries) {
    const std::string_view name = entry.name;
    const bool is_pickle =
        name == kPickleName || (name.ends_with(kPickleName) && name[name.size() - kPickleName.size() - 1] == '/');
    if (!is_pickle) continue;
    if (pickle != nullptr) FailCorrupt("zip: expected one data.pkl, found " + Quote(name) + " as well");
    pickle = &entry;
  }
  if (pickle == nullptr) {
    FailUnsupported("expected a zip with an entry NAME/data.pkl, as torch.save writes it, found " + KindOfZip(entries));
  }
  return std::string(pickle->name.substr(0, pickle->name.size() - kPickleName.size()));
}

}  // namespace

Archive::Archive(std::span<const uint8_t> file) : entries_(ReadZipDirectory(file)), folder_(FindFolder(entries_)) {
  for (const ZipEntry& entry : entries_) by_name_.emplace(entry.name, &entry);
  if (Find("constants.pkl") != nullptr) {
    FailUnsupported(
        "is a TorchScript archive, a program with its weights; expected the weights alone: "
        "torch.save(torch.jit.load(OLD).state_dict(), NEW)");
  }
}

const ZipEntry* Archive::Find(std::string_view name) const {
  const std::string path = folder_ + std::string(name);
  const auto found = by_name_.find(path);
  return found == by_name_.end() ? nullptr : found->second;
}

std::span<const uint8_t> Archive::Contents(const ZipEntry& entry, std::vector<uint8_t>* buffer) {
  std::span<const uint8_t> contents = entry.bytes;
  if (entry.is_deflated) {
    if (entry.plain_bytes > kMaxInflatedPickle) {
      throw plugin::Error(SKEIN_RESOURCE_EXHAUSTED, "zip: entry " + Quote(entry.name) + ": expected at most " +
                                                        std::to_string(kMaxInflatedPickle) + " bytes, found " +
                                                        std::to_string(entry.plain_bytes));
    }
    buffer->resize(entry.plain_bytes);
    Inflate(entry.bytes, buffer->data(), buffer->size());
    contents = *buffer;
  }
  CheckContents(entry, contents);
  return contents;
}

void CheckContents(const ZipEntry& entry, std::span<const uint8_t> contents) {
  if (!entry.crc32) return;
  const uint32_t found = plugin::Crc32(contents);
  if (*entry.crc32 == found) return;
  FailCorrupt("zip: entry " + Quote(entry.name) + ": expected CRC-32 " + std::to_string(*entry.crc32) + ", found " +
              std::to_string(found));
}

}  // namespace skein::formats
