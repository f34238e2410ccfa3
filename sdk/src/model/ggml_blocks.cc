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

// The values of the codes of IQ4_NL and IQ4_XS: denser around zero, as weights are.
constexpr int8_t kUnevenValues[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

// Twice the values of the codes of MXFP4: a sign, two bits of exponent and one of mantissa (E2M1).
constexpr int8_t kTwiceE2M1[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

// 32 codes in 16 bytes, laid as in Q4_0. x = scale values[code].
void DequantizeByTable(const int8_t* values, float scale, const uint8_t* nibbles, float* out) {
  for (size_t j = 0; j < kGgmlBlockElements / 2; ++j) {
    out[j] = scale * static_cast<float>(values[LowNibble(nibbles[j])]);
    out[j + kGgmlBlockElements / 2] = scale * static_cast<float>(values[HighNibble(nibbles[j])]);
  }
}

// A scale (f16) and 16 bytes of nibbles.
void DequantizeIq4Nl(const uint8_t* block, float* out) {
  DequantizeByTable(kUnevenValues, LoadHalf(block), block + sizeof(uint16_t), out);
}

// 2^(exponent - 128), half of an E8M0 scale, since the table has twice the values. The smallest two are subnormal.
float HalfOfE8M0(uint8_t exponent) {
  constexpr int kMantissaBits = 23;
  constexpr uint32_t kSmallest = uint32_t{1} << (kMantissaBits - 2);  // 2^-128
  const uint32_t bits = exponent < 2 ? kSmallest << exponent : (exponent - 1u) << kMantissaBits;
  float scale;
  std::memcpy(&scale, &bits, sizeof(scale));
  return scale;
}

// An exponent (one byte) and 16 bytes of nibbles.
void DequantizeMxfp4(const uint8_t* block, float* out) {
  DequantizeByTable(kTwiceE2M1, HalfOfE8M0(block[0]), block + 1, out);
}

// --- blocks of 256: eight parts of 32 values, or sixteen of 16, each with a small integer as its scale ---

constexpr size_t kPackedScaleBytes = 12;
constexpr size_t kShortPartElements = 16;

// Bits 2q and 2q + 1 of value i. The halves of a block lie behind each other, 32 bytes each; in a half, q is the
// quarter.
uint32_t BitPair(const uint8_t* pairs, size_t i) {
  const size_t half = i / 128;
  const size_t quarter = i % 128 / 32;
  return pairs[half * 32 + i % 32] >> (2 * quarter) & 3u;
}

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

// A block has 16 bytes for the parts of 16 values, 64 bytes of bit pairs, the factor d of the scales (f16) and the
// factor m of the offsets (f16). The byte of a part has its scale in the low and its offset in the high nibble. Each
// half of the block has half of the pairs: value j (0 to 31) of quarter q (0 to 3) has bits 2q and 2q + 1 of byte j. x
// = d scale code - m offset.
void DequantizeQ2_K(const uint8_t* block, float* out) {
  const uint8_t* const parts = block;
  const uint8_t* const pairs = parts + kGgmlKBlockElements / kShortPartElements;
  const float scale_factor = LoadHalf(pairs + kGgmlKBlockElements / 4);
  const float offset_factor = LoadHalf(pairs + kGgmlKBlockElements / 4 + sizeof(uint16_t));
  for (size_t i = 0; i < kGgmlKBlockElements; ++i) {
    const uint8_t part = parts[i / kShortPartElements];
    const float scale = scale_factor * static_cast<float>(LowNibble(part));
    const float offset = offset_factor * static_cast<float>(HighNibble(part));
    out[i] = scale * static_cast<float>(BitPair(pairs, i)) - offset;
  }
}

// The scale of part s (0 to 15) of Q3_K, 6 bits each, from twelve bytes. The first eight bytes hold the lower four bits
// of parts 0 to 7 in their low nibbles, and those of parts 8 to 15 in their high ones. Byte 8 + i holds the upper two
// bits of parts i, i + 4, i + 8 and i + 12, from its lowest bits on.
int UnpackShortScale(const uint8_t* packed, size_t s) {
  const uint32_t lower = s < 8 ? LowNibble(packed[s]) : HighNibble(packed[s - 8]);
  const uint32_t upper = packed[8 + s % 4] >> (2 * (s / 4)) & 3u;
  return static_cast<int>(lower | upper << 4);
}

// A block has 32 bytes of third bits, 64 bytes of bit pairs as in Q2_K, the twelve bytes, and the factor d of the
// scales (f16). Bit s of byte j of the third bits belongs to value j of the run s of 32 values. x = d (scale - 32)
// (code - 4).
void DequantizeQ3_K(const uint8_t* block, float* out) {
  constexpr int kScaleCentre = 32;
  constexpr int kCentre = 4;
  constexpr size_t kRunElements = 32;
  const uint8_t* const third_bits = block;
  const uint8_t* const pairs = third_bits + kGgmlKBlockElements / 8;
  const uint8_t* const packed = pairs + kGgmlKBlockElements / 4;
  const float factor = LoadHalf(packed + kPackedScaleBytes);
  for (size_t i = 0; i < kGgmlKBlockElements; ++i) {
    const float scale = factor * static_cast<float>(UnpackShortScale(packed, i / kShortPartElements) - kScaleCentre);
    const uint32_t third_bit = third_bits[i % kRunElements] >> (i / kRunElements) & 1u;
    const auto code = static_cast<int>(BitPair(pairs, i) | third_bit << 2);
    out[i] = scale * static_cast<float>(code - kCentre);
  }
}

// A block has the factor d of the scales (f16), the upper two bits of the scales of its eight parts of 32 values (u16,
// part 0 in the lowest bits), their lower four bits (four bytes, the even part in the low nibble), and 128 bytes of
// nibbles, 16 for each part, laid as in IQ4_NL. x = d (scale - 32) value.
void DequantizeIq4Xs(const uint8_t* block, float* out) {
  constexpr int kScaleCentre = 32;
  const float factor = LoadHalf(block);
  uint16_t upper_bits;
  std::memcpy(&upper_bits, block + sizeof(uint16_t), sizeof(upper_bits));
  const uint8_t* const lower_bits = block + 2 * sizeof(uint16_t);
  const uint8_t* nibbles = lower_bits + 4;
  for (size_t s = 0; s < kGgmlKBlockElements / kGgmlBlockElements; ++s) {
    const uint8_t pair = lower_bits[s / 2];
    const uint32_t lower = s % 2 == 0 ? LowNibble(pair) : HighNibble(pair);
    const int scale = static_cast<int>(lower | (upper_bits >> (2 * s) & 3u) << 4) - kScaleCentre;
    DequantizeByTable(kUnevenValues, factor * static_cast<float>(scale), nibbles, out);
    nibbles += kGgmlBlockElements / 2;
    out += kGgmlBlockElements;
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
    case SKEIN_DTYPE_GGML_Q2_K:
      return DequantizeQ2_K(block, out);
    case SKEIN_DTYPE_GGML_Q3_K:
      return DequantizeQ3_K(block, out);
    case SKEIN_DTYPE_GGML_IQ4_NL:
      return DequantizeIq4Nl(block, out);
    case SKEIN_DTYPE_GGML_IQ4_XS:
      return DequantizeIq4Xs(block, out);
    case SKEIN_DTYPE_GGML_MXFP4:
      return DequantizeMxfp4(block, out);
    default:
      return DequantizeQ8_0(block, out);
  }
}

}  // namespace skein
