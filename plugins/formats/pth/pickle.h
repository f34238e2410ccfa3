// The pickled part of a PyTorch checkpoint: which tensors there are, and which stretch of which storage each of them
// views. An interpreter for the few pickle opcodes and names that state dicts need; it refuses any other. It imports
// nothing, calls nothing, and makes plain values only. Leaves out the storages themselves.
#ifndef SKEIN_PLUGINS_FORMATS_PTH_PICKLE_H_
#define SKEIN_PLUGINS_FORMATS_PTH_PICKLE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/pth/pickle_names.h"
#include "support/byte_reader.h"

namespace skein::formats {

// A tensor as pickled. Nothing is checked against the storage yet.
struct PickledTensor {
  std::string name;  // the key in the dict, without a leading "_forward_module.", or the place in the list: "0"
  const StorageClass* storage_class;
  std::string_view storage_key;  // in the pickle
  uint64_t storage_elements;
  // The part of the storage that the tensor may view: all of it, but for views of storages in files before PyTorch 1.6.
  uint64_t part_offset;
  uint64_t part_elements;
  uint64_t storage_offset;  // in elements, from the start of the part
  std::vector<uint64_t> shape;
  std::vector<uint64_t> strides;  // as many, in elements
};

// A storage that the pickle names, with tensors or without.
struct PickledStorage {
  const StorageClass* storage_class;
  std::string_view key;  // in the pickle
  uint64_t num_elements;
};

struct PickledCheckpoint {
  std::vector<PickledTensor> tensors;                         // in the order of the dict
  std::vector<std::pair<std::string, std::string>> metadata;  // numbers, strings and truth values, as text
  std::vector<PickledStorage> storages;                       // each key once
};

// Runs the pickle (protocol 2) at the reader's place, and leaves the reader behind it. The bytes must outlive the
// result.
//
// Takes the tensors of the dict at the top, or of the dict under a key that trainers wrap one in: "state_dict",
// "module", "model" and others, also within each other. Takes the metadata of the dict at the top. A dict without
// tensors is sound. A list or a tuple of tensors, such as a running state, gives them by their places. Throws
// plugin::Error: DATA_LOSS if the pickle is not sound; UNIMPLEMENTED for an opcode or a name that state dicts do not
// need, which it names, and for DeepSpeed's files that have only a part of the weights.
PickledCheckpoint ReadPickle(plugin::ByteReader* reader);

// Runs a pickle that must be a list of strings.
std::vector<std::string_view> ReadPickledTexts(plugin::ByteReader* reader);

}  // namespace skein::formats

#endif  // SKEIN_PLUGINS_FORMATS_PTH_PICKLE_H_
