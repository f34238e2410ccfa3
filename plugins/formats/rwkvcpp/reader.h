// The `.bin` files of rwkv.cpp: a header of six integers, then tensors one after another up to the end of the file.
// Reads versions 100 and 101 with F32 and F16 data, and in version 101 the block types Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 and
// Q2_K to Q6_K. The naming tables of libskein know what the contents mean (names, transformed decays).
#ifndef SKEIN_PLUGINS_FORMATS_RWKVCPP_READER_H_
#define SKEIN_PLUGINS_FORMATS_RWKVCPP_READER_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "support/checkpoint.h"
#include "support/source.h"

namespace skein::formats {

struct RwkvCpp {
  static constexpr const char* kExtensions = ".bin";

  // How surely `file` is one: 0 to 100.
  static uint32_t Probe(std::span<const uint8_t> file, std::string_view path) noexcept;

  // The directory of the file. Shapes are turned to PyTorch order. Metadata: rwkvcpp.version, rwkvcpp.n_vocab,
  // rwkvcpp.n_embed, rwkvcpp.n_layer, and rwkvcpp.data_type by name, such as "F32". Throws plugin::Error: DATA_LOSS, or
  // UNIMPLEMENTED for a version or data type that is not read. The format records neither the number of tensors nor a
  // checksum: a file cut between two tensors reads as one with fewer.
  static plugin::Checkpoint Read(const plugin::Source& source);
};

}  // namespace skein::formats

#endif  // SKEIN_PLUGINS_FORMATS_RWKVCPP_READER_H_
