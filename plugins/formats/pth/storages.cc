#include "formats/pth/storages.h"

#include <optional>
#include <string>

namespace skein::formats {
namespace {

using plugin::FailCorrupt;
using plugin::Quote;

// The elements that a tensor may view: its part of the storage, which lies in the storage.
uint64_t CheckStorage(const PickledTensor& pickled, const StoragePlace& place, const std::string& where) {
  const StorageClass& storage_class = *pickled.storage_class;
  const uint64_t found = place.size_bytes / storage_class.element_bytes;
  if (pickled.storage_elements != found) {
    FailCorrupt(where + ": expected a storage of " + std::to_string(pickled.storage_elements) + " elements (" +
                std::string(storage_class.name) + "), found " + std::to_string(place.size_bytes) + " bytes in " +
                Quote(place.name));
  }
  if (pickled.part_offset > found || pickled.part_elements > found - pickled.part_offset) {
    FailCorrupt(where + ": expected a part of the " + std::to_string(found) + " elements of " + Quote(place.name) +
                ", found offset " + std::to_string(pickled.part_offset) + " and size " +
                std::to_string(pickled.part_elements));
  }
  return pickled.part_elements;
}

// Whether every element of a tensor that is not empty is among the first `num_elements`.
bool IsInside(const PickledTensor& pickled, uint64_t num_elements) {
  uint64_t last = pickled.storage_offset;
  for (size_t i = 0; i < pickled.shape.size(); ++i) {
    uint64_t reach = 0;
    if (__builtin_mul_overflow(pickled.shape[i] - 1, pickled.strides[i], &reach) ||
        __builtin_add_overflow(last, reach, &last)) {
      return false;
    }
  }
  return last < num_elements;
}

}  // namespace

plugin::Tensor ViewStorage(const PickledTensor& pickled, const StoragePlace& place) {
  const std::string where = "tensor " + Quote(pickled.name);
  const uint64_t available = CheckStorage(pickled, place, where);
  const std::string shape_text = plugin::ShapeText(pickled.shape);
  const std::optional<uint64_t> elements = plugin::CountElements(pickled.shape);
  // In a view with more elements than its storage some coincide (an expanded view). A tiny file could then ask for any
  // amount of memory.
  if (!elements || *elements > available) {
    FailCorrupt(where + ": expected a shape of at most the " + std::to_string(available) +
                " elements of its storage, found " + shape_text);
  }
  if (*elements > 0 && !IsInside(pickled, available)) {
    FailCorrupt(where + ": expected every element within the " + std::to_string(available) +
                " of its storage, found offset " + std::to_string(pickled.storage_offset) + ", shape " + shape_text +
                ", strides " + plugin::ShapeText(pickled.strides));
  }
  const uint64_t first = *elements == 0 ? 0 : pickled.part_offset + pickled.storage_offset;
  const uint64_t first_byte = first * pickled.storage_class->element_bytes;
  return {.name = std::string(pickled.name),
          .dtype = pickled.storage_class->dtype,
          .stored_type = std::string(pickled.storage_class->name),
          .shape = pickled.shape,
          .strides = pickled.strides,
          .data = place.data == nullptr ? nullptr : place.data + first_byte,
          .checksum = place.checksum,
          .encoded = place.encoded,
          .encoded_offset = first_byte};
}

}  // namespace skein::formats
