// Where the storages of a checkpoint lie, and the tensors that view them.
#ifndef SKEIN_PLUGINS_FORMATS_PTH_STORAGES_H_
#define SKEIN_PLUGINS_FORMATS_PTH_STORAGES_H_

#include <cstdint>
#include <string_view>

#include "formats/pth/pickle.h"
#include "support/checkpoint.h"

namespace skein::formats {

// The place of one storage: bytes of the file, or encoded ones.
struct StoragePlace {
  std::string_view name;  // for messages
  uint64_t size_bytes = 0;
  const uint8_t* data = nullptr;  // nullptr: `encoded` makes them
  size_t checksum = plugin::kNoChecksum;
  size_t encoded = plugin::kNotEncoded;
};

// The tensor that `pickled` describes in `place`, its storage. Throws plugin::Error DATA_LOSS if the storage has
// another size, or if the tensor reaches outside of it or has more elements.
plugin::Tensor ViewStorage(const PickledTensor& pickled, const StoragePlace& place);

}  // namespace skein::formats

#endif  // SKEIN_PLUGINS_FORMATS_PTH_STORAGES_H_
