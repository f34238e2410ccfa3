#include "model/convert_dtype.h"

#include <cstring>

#include "model/ggml_blocks.h"
#include "model/tensor.h"
#include "numbers/half.h"
#include "numbers/quantised.h"

namespace skein {
namespace {

void RoundDoubles(const uint8_t* data, size_t count, float* out) {
  for (size_t i = 0; i < count; ++i) {
    double value;
    std::memcpy(&value, data + i * sizeof(value), sizeof(value));
    out[i] = static_cast<float>(value);
  }
}

}  // namespace

void ToF32(uint32_t dtype, const uint8_t* data, uint64_t first, size_t count, float* out) {
  switch (dtype) {
    case SKEIN_DTYPE_F32:
    case SKEIN_DTYPE_F16:
    case SKEIN_DTYPE_BF16:
      return ExpandFloats(dtype, data + first * FloatBytes(dtype), count, out);
    case SKEIN_DTYPE_F64:
      return RoundDoubles(data + first * sizeof(double), count, out);
    case SKEIN_DTYPE_Q8:
    case SKEIN_DTYPE_Q4:
      return ExpandQuantised(dtype, data, first, count, out);
    default: {
      const DtypeInfo* info = FindDtype(dtype);
      const uint8_t* block = data + first / info->block_elements * info->block_bytes;
      for (size_t i = 0; i < count; i += info->block_elements) {
        DequantizeGgmlBlock(dtype, block, out + i);
        block += info->block_bytes;
      }
    }
  }
}

}  // namespace skein
