// Safetensors files: an 8-byte length, a JSON header, then the tensors without gaps. Reads F32, F16, BF16, F64 and U8;
// other types of the format are listed as SKEIN_DTYPE_NONE. Knows one file: the index of a sharded checkpoint is the
// host's business.
#ifndef SKEIN_PLUGINS_FORMATS_SAFETENSORS_READER_H_
#define SKEIN_PLUGINS_FORMATS_SAFETENSORS_READER_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "kit/checkpoint.h"

namespace skein::formats {

struct Safetensors {
  static constexpr const char* kExtensions = ".safetensors .st";
  // The limit that the format itself sets on its header.
  static constexpr uint64_t kMaxHeaderBytes = 100'000'000;

  // How surely `file` is one: 0 to 100.
  static uint32_t Probe(std::span<const uint8_t> file, std::string_view path) noexcept;

  // The directory of `file`, whose bytes must outlive it; "__metadata__" as metadata. Throws plugin::Error: DATA_LOSS
  // if the file is not whole and consistent (every byte after the header belongs to exactly one tensor), UNIMPLEMENTED
  // for an element type that the format has not.
  static plugin::Checkpoint Read(std::span<const uint8_t> file);
};

}  // namespace skein::formats

#endif  // SKEIN_PLUGINS_FORMATS_SAFETENSORS_READER_H_
