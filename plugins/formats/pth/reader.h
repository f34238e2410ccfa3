// PyTorch checkpoints as `torch.save` writes them: since version 1.6 a zip of storages and a pickle that says which
// tensor views which storage; before, pickles with the storages behind them; and checkpoints in several such files
// (shards) with an index beside them. Nothing in a file is executed. Reads float, half, bfloat16, double and byte
// tensors; others are listed as SKEIN_DTYPE_NONE. Leaves out TorchScript, DeepSpeed's files with parts of the weights,
// and big-endian files.
#ifndef SKEIN_PLUGINS_FORMATS_PTH_READER_H_
#define SKEIN_PLUGINS_FORMATS_PTH_READER_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "support/checkpoint.h"
#include "support/source.h"

namespace skein::formats {

struct Pth {
  static constexpr const char* kExtensions = ".pth .pt .ckpt .bin.index.json";

  // How surely `file` is one: 0 to 100.
  static uint32_t Probe(std::span<const uint8_t> file, std::string_view path) noexcept;

  // The directory of the file. Tensors may share storages and have any strides; each has at most as many elements as
  // its storage. Storages come with the checksum of their zip entry; deflated ones are encoded. Numbers and strings
  // beside the tensors are metadata. Throws plugin::Error: DATA_LOSS; UNIMPLEMENTED naming the opcode, class, zip
  // feature or kind of file that is not read. Of an index: as ReadShards.
  static plugin::Checkpoint Read(const plugin::Source& source);
};

}  // namespace skein::formats

#endif  // SKEIN_PLUGINS_FORMATS_PTH_READER_H_
