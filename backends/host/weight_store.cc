#include "host/weight_store.h"

namespace skein::kit {

uint64_t VectorFootprint(const ExpectedTensor& vector) {
  uint64_t size = vector.form.repeat;
  for (const uint64_t dim : vector.shape) size *= dim;
  return WeightArena::Footprint(size * sizeof(float));
}

}  // namespace skein::kit
