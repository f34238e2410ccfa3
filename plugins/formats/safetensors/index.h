// The index of a checkpoint in shards, `NAME.safetensors.index.json`: which file beside it holds which tensor. Opens
// none of the files.
#ifndef SKEIN_PLUGINS_FORMATS_SAFETENSORS_INDEX_H_
#define SKEIN_PLUGINS_FORMATS_SAFETENSORS_INDEX_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

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

// Takes the object "weight_map" and, if it is there, "total_size" in "metadata"; ignores everything else. Throws
// plugin::Error: DATA_LOSS for text that is not JSON of this form; RESOURCE_EXHAUSTED for more tensors than any model
// has.
ShardIndex ReadShardIndex(std::span<const uint8_t> file);

}  // namespace skein::formats

#endif  // SKEIN_PLUGINS_FORMATS_SAFETENSORS_INDEX_H_
