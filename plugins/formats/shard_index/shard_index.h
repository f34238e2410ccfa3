// Checkpoints in shards: the index, `NAME.safetensors.index.json` or `NAME.bin.index.json`, says which file beside it
// holds which tensor. Knows no format of the files.
#ifndef SKEIN_PLUGINS_FORMATS_SHARD_INDEX_SHARD_INDEX_H_
#define SKEIN_PLUGINS_FORMATS_SHARD_INDEX_SHARD_INDEX_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "support/checkpoint.h"
#include "support/source.h"

namespace skein::formats {

struct ShardIndex {
  struct Entry {
    std::string tensor;
    std::string shard;  // as written: any text
  };
  std::vector<Entry> entries;  // in the order of the file
  // Bytes of all tensors, as far as the writer knew. 2^64 - 1 stands for every larger number too.
  uint64_t total_bytes = 0;
};

// Whether the first bytes look like an index.
bool LooksLikeShardIndex(std::span<const uint8_t> file);

// Whether the first names in an index are those of PyTorch's files, .bin, .pt or .pth.
bool NamesPyTorchShards(std::span<const uint8_t> file);

// Takes the object "weight_map" and, if it is there, "total_size" in "metadata"; ignores everything else. Throws
// plugin::Error: DATA_LOSS for text that is not JSON of this form; RESOURCE_EXHAUSTED for more tensors than any model
// has.
ShardIndex ReadShardIndex(std::span<const uint8_t> file);

// The tensors that the index `source` lists, each from its shard, without metadata. Every shard is read once by `read`,
// whose errors come with the shard's name. Throws as ReadShardIndex; DATA_LOSS also if a tensor is not in its shard, or
// if the index claims more bytes than the shards have; and errors of opening a shard, such as INVALID_ARGUMENT for a
// name that is no plain file name.
plugin::Checkpoint ReadShards(const plugin::Source& source, plugin::Checkpoint (*read)(const plugin::Source& shard));

}  // namespace skein::formats

#endif  // SKEIN_PLUGINS_FORMATS_SHARD_INDEX_SHARD_INDEX_H_
