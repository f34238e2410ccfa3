#include "model/ggml_blocks.h"

#include <cstring>

#include "model/convert_dtype.h"
#include "skein/dtype.h"

namespace skein {
namespace {

// A block is: scale d (f16), offset m (f16) if `has_offset`, fifth bits (u32) if `has_fifth_bits`, then 16 bytes of
// nibbles or 32 signed bytes. Value j (0 to 15) has the low nibble of byte j, value j + 16 the high one; bit j of the
// fifth bits belongs to value j (0 to 31).
struct BlockLayout {
  bool has_offset;
  bool has_fifth_bits;
  int centre;  // code of zero where there is no offset
};

float LoadHalf(const uint8_t* data) {
  uint16_t bits;
  std::memcpy(&bits, data, sizeof(bits));
  return F16ToF32(bits);
}

void DequantizeNibbles(const BlockLayout& layout, const uint8_t* block, float* out) {
  const float scale = LoadHalf(block);
  block += sizeof(uint16_t);
  float offset = 0;
  if (layout.has_offset) {
    offset = LoadHalf(block);
    block += sizeof(uint16_t);
  }
  uint32_t fifth_bits = 0;
  if (layout.has_fifth_bits) {
    std::memcpy(&fifth_bits, block, sizeof(fifth_bits));
    block += sizeof(fifth_bits);
  }
  for (size_t j = 0; j < kGgmlBlockElements; ++j) {
    const uint32_t nibble = j < 16 ? block[j] & 0x0fu : block[j - 16] >> 4;
    const uint32_t code = nibble | (fifth_bits >> j & 1u) << 4;
    out[j] = scale * static_cast<float>(static_cast<int>(code) - layout.centre) + offset;
  }
}

}  // namespace

void DequantizeGgmlBlock(uint32_t dtype, const uint8_t* block, float* out) {
  switch (dtype) {
    case SKEIN_DTYPE_GGML_Q4_0:
      return DequantizeNibbles({false, false, 8}, block, out);
    case SKEIN_DTYPE_GGML_Q4_1:
      return DequantizeNibbles({true, false, 0}, block, out);
    case SKEIN_DTYPE_GGML_Q5_0:
      return DequantizeNibbles({false, true, 16}, block, out);
    case SKEIN_DTYPE_GGML_Q5_1:
      return DequantizeNibbles({true, true, 0}, block, out);
    default: {  // Q8_0
      const float scale = LoadHalf(block);
      for (size_t j = 0; j < kGgmlBlockElements; ++j) {
        out[j] = scale * static_cast<float>(static_cast<int8_t>(block[sizeof(uint16_t) + j]));
      }
    }
  }
}

}  // namespace skein
