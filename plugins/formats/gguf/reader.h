// GGUF files of versions 2 and 3, little-endian: typed metadata, a list of tensors, then their data, aligned. A model
// split into NAME-00001-of-0000N.gguf and so on is opened by any of its files. Reads F32, F16, BF16, F64 and the block
// types Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K to Q6_K, IQ4_NL, IQ4_XS and MXFP4; other types are listed as
// SKEIN_DTYPE_NONE. Hands over the vocabulary of World models, and no other. Leaves out what the names of tensors mean.
#ifndef SKEIN_PLUGINS_FORMATS_GGUF_READER_H_
#define SKEIN_PLUGINS_FORMATS_GGUF_READER_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "support/checkpoint.h"
#include "support/source.h"

namespace skein::formats {

struct Gguf {
  static constexpr const char* kExtensions = ".gguf";

  // How surely `file` is one: 0 to 100. Version 1 and big-endian files count, so that they are refused by name.
  static uint32_t Probe(std::span<const uint8_t> file, std::string_view path) noexcept;

  // The directory of the file, in PyTorch's order of dimensions. Numbers, truth values and strings of the metadata come
  // under their own keys; arrays are left out. Where the file has a name, licence, end token, chat template, norm
  // epsilon, rescaling or vocabulary, it also comes under its "skein." key of plugin.h. Throws plugin::Error:
  // DATA_LOSS; UNIMPLEMENTED for a version or byte order that is not read; and errors of opening the files of a split.
  static plugin::Checkpoint Read(const plugin::Source& source);
};

}  // namespace skein::formats

#endif  // SKEIN_PLUGINS_FORMATS_GGUF_READER_H_
