#include "model/ggml_blocks.h"

#include <cstring>

#include "numbers/half.h"
#include "skein/dtype.h"

namespace skein {
namespace {

float LoadHalf(const uint8_t* data) {
  uint16_t bits;
  std::memcpy(&bits, data, sizeof(bits));
  return F16ToF32(bits);
}

uint32_t LowNibble(uint8_t byte) { return byte & 0x0fu; }
uint32_t HighNibble(uint8_t byte) { return byte >> 4; }

// --- blocks of 32 ---

// A block has a scale d (f16), an offset m (f16) if `has_offset`, the fifth bits (u32) if `has_fifth_bits`, then 16
// bytes of nibbles. Value j (0 to 15) is the low nibble of byte j, value j + 16 the high nibble. Bit j of the fifth
// bits belongs to value j (0 to 31).
struct BlockLayout {
  bool has_offset;
  bool has_fifth_bits;
  int centre;  // the code of zero, for types without an offset
};

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
    const uint32_t nibble = j < 16 ? LowNibble(block[j]) : HighNibble(block[j - 16]);
    const uint32_t code = nibble | (fifth_bits >> j & 1u) << 4;
    out[j] = scale * static_cast<float>(static_cast<int>(code) - layout.centre) + offset;
  }
}

// A scale (f16) and 32 signed bytes.
void DequantizeQ8_0(const uint8_t* block, float* out) {
  const float scale = LoadHalf(block);
  for (size_t j = 0; j < kGgmlBlockElements; ++j) {
    out[j] = scale * static_cast<float>(static_cast<int8_t>(block[sizeof(uint16_t) + j]));
  }
}

// --- blocks of 256: eight parts of 32 values, or sixteen of 16, each with a small integer as its scale ---

constexpr size_t kPackedScaleBytes = 12;

struct ScaleAndOffset {
  uint32_t scale;
  uint32_t offset;
};

// Scale and offset of part s (0 to 7), 6 bits each, from twelve bytes. The lower six bits of bytes 0 to 3 are the
// scales of parts 0 to 3, those of bytes 4 to 7 their offsets. Bytes 8 to 11 hold the lower four bits of scale and
// offset of parts 4 to 7. The upper two bits of these are the upper two bits of bytes 0 to 7.
ScaleAndOffset UnpackScale(const uint8_t* packed, size_t s) {
  if (s < 4) return {packed[s] & 0x3fu, packed[s + 4] & 0x3fu};
  const uint32_t upper_of_scale = packed[s - 4] >> 6;
  const uint32_t upper_of_offset = packed[s] >> 6;
  return {LowNibble(packed[s + 4]) | upper_of_scale << 4, HighNibble(packed[s + 4]) | upper_of_offset << 4};
}

// A block has the factor d of the scales (f16), the factor m of the offsets (f16), the twelve bytes, for Q5_K 32 bytes
// of fifth bits, and 128 bytes of nibbles. In each run of 32 bytes, the low nibbles are one part and the high nibbles
// the next. Bit s of byte j of the fifth bits belongs to value j of part s. x = d scale code - m offset.
void DequantizeWithOffsets(bool has_fifth_bits, const uint8_t* block, float* out) {
  constexpr size_t kPartElements = 32;
  const float scale_factor = LoadHalf(block);
  const float offset_factor = LoadHalf(block + sizeof(uint16_t));
  const uint8_t* const packed = block + 2 * sizeof(uint16_t);
  const uint8_t* const fifth_bits = packed + kPackedScaleBytes;
  const uint8_t* const nibbles = fifth_bits + (has_fifth_bits ? kPartElements : 0);
  for (size_t s = 0; s < kGgmlKBlockElements / kPartElements; ++s) {
    const ScaleAndOffset integers = UnpackScale(packed, s);
    const float scale = scale_factor * static_cast<float>(integers.scale);
    const float offset = offset_factor * static_cast<float>(integers.offset);
    const uint8_t* const bytes = nibbles + s / 2 * kPartElements;
    for (size_t j = 0; j < kPartElements; ++j) {
      uint32_t code = s % 2 == 0 ? LowNibble(bytes[j]) : HighNibble(bytes[j]);
      if (has_fifth_bits) code |= (fifth_bits[j] >> s & 1u) << 4;
      *out++ = scale * static_cast<float>(code) - offset;
    }
  }
}

// A block has 128 bytes of lower nibbles, 64 bytes of upper bit pairs, 16 signed scales of 16 values each, and the
// factor d of the scales (f16). Each half of the block has half of each. In a half, value j (0 to 31) of quarter q (0
// to 3) has its nibble in byte 32 (q % 2) + j, low in the first two quarters and high in the others, and its pair in
// bits 2q and 2q + 1 of byte j. x = d scale (code - 32).
void DequantizeQ6_K(const uint8_t* block, float* out) {
  constexpr size_t kQuarterElements = 32;
  constexpr size_t kScaledElements = 16;
  constexpr int kCentre = 32;
  const uint8_t* nibbles = block;
  const uint8_t* pairs = block + kGgmlKBlockElements / 2;
  const uint8_t* scales = pairs + kGgmlKBlockElements / 4;
  const float factor = LoadHalf(scales + kGgmlKBlockElements / kScaledElements);
  for (size_t half = 0; half < 2; ++half) {
    for (size_t q = 0; q < 4; ++q) {
      for (size_t j = 0; j < kQuarterElements; ++j) {
        const uint8_t byte = nibbles[q % 2 * kQuarterElements + j];
        const uint32_t code = (q < 2 ? LowNibble(byte) : HighNibble(byte)) | (pairs[j] >> (2 * q) & 3u) << 4;
        const auto scale = static_cast<int8_t>(scales[(q * kQuarterElements + j) / kScaledElements]);
        *out++ = factor * static_cast<float>(scale) * static_cast<float>(static_cast<int>(code) - kCentre);
      }
    }
    nibbles += 2 * kQuarterElements;
    pairs += kQuarterElements;
    scales += kGgmlKBlockElements / kScaledElements / 2;
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
    case SKEIN_DTYPE_GGML_Q4_K:
      return DequantizeWithOffsets(false, block, out);
    case SKEIN_DTYPE_GGML_Q5_K:
      return DequantizeWithOffsets(true, block, out);
    case SKEIN_DTYPE_GGML_Q6_K:
      return DequantizeQ6_K(block, out);
    default:
      return DequantizeQ8_0(block, out);
  }
}

}  // namespace skein
