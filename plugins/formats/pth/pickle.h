// The pickled part of a PyTorch checkpoint, `data.pkl`: which tensors there are, and which stretch of which storage
// each of them views. An interpreter for the few pickle opcodes and names that state dicts need; it refuses any other.
// It imports nothing, calls nothing, and makes plain values only. Leaves out the
// storages themselves.
#ifndef SKEIN_PLUGINS_FORMATS_PTH_PICKLE_H_
#define SKEIN_PLUGINS_FORMATS_PTH_PICKLE_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace skein::formats {

// One of PyTorch's storage classes.
struct StorageClass {
  std::string_view name;  // as pickled in module "torch", such as "FloatStorage"
  uint64_t element_bytes;
  uint32_t dtype;  // SKEIN_DTYPE_*; NONE: listed, not read
};

// A tensor as pickled. Nothing is checked against the storage yet.
struct PickledTensor {
  std::string_view name;  // in the pickle, without a leading "_forward_module."
  const StorageClass* storage_class;
  std::string_view storage_key;  // in the pickle
  uint64_t storage_elements;
  uint64_t storage_offset;  // in elements
  std::vector<uint64_t> shape;
  std::vector<uint64_t> strides;  // as many, in elements
};

struct PickledCheckpoint {
  std::vector<PickledTensor> tensors;                         // in the order of the dict
  std::vector<std::pair<std::string, std::string>> metadata;  // numbers, strings and truth values, as text
};

// Runs `pickle` (protocol 2), which must outlive the result. Takes the tensors of the dict at the top, or of the dict
// under its key "state_dict", and the metadata of the dict at the top. Throws plugin::Error: DATA_LOSS if the pickle is
// not sound; UNIMPLEMENTED for an opcode or a name that state dicts do not need, which it names.
PickledCheckpoint ReadPickle(std::span<const uint8_t> pickle);

}  // namespace skein::formats

#endif  // SKEIN_PLUGINS_FORMATS_PTH_PICKLE_H_
