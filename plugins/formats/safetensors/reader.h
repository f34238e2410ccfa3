// Safetensors files: an 8-byte length, a JSON header, then the tensors without gaps; and checkpoints in several of them
// (shards) with an index beside them. Reads F32, F16, BF16, F64 and U8; other types of the format are listed as
// SKEIN_DTYPE_NONE.
#ifndef SKEIN_PLUGINS_FORMATS_SAFETENSORS_READER_H_
#define SKEIN_PLUGINS_FORMATS_SAFETENSORS_READER_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "support/checkpoint.h"
#include "support/source.h"

namespace skein::formats {

struct Safetensors {
  static constexpr const char* kExtensions = ".safetensors .st .safetensors.index.json";
  // The limit that the format itself sets on its header.
  static constexpr uint64_t kMaxHeaderBytes = 100'000'000;

  // How surely `file` is one: 0 to 100.
  static uint32_t Probe(std::span<const uint8_t> file, std::string_view path) noexcept;

  // The directory of the file; "__metadata__" as metadata. Throws plugin::Error: DATA_LOSS if the file is not whole and
  // consistent (every byte after the header belongs to exactly one tensor), UNIMPLEMENTED for an element type that the
  // format has not.
  // Of an index: as ReadShards (shard_index.h); every shard is read as above.
  static plugin::Checkpoint Read(const plugin::Source& source);
};

}  // namespace skein::formats

#endif  // SKEIN_PLUGINS_FORMATS_SAFETENSORS_READER_H_
