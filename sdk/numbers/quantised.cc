#include "numbers/quantised.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "numbers/half.h"

namespace skein {
namespace {

constexpr float kLargestScale = 65504;  // of binary16

// Four floats in a register. Sums in lanes fix the order of addition, which a compiler may not choose for itself, and
// so the bytes that come out.
using Floats = float __attribute__((vector_size(16)));
constexpr size_t kLanes = 4;

Floats LoadFloats(const float* from) {
  Floats values;
  std::memcpy(&values, from, sizeof(values));
  return values;
}

Floats Splat(float value) { return Floats{value, value, value, value}; }

float SumOfLanes(Floats a) { return (a[0] + a[2]) + (a[1] + a[3]); }

// Added to a number between -2^22 and 2^22, it leaves that number, rounded to the nearest integer, in the low bits.
constexpr float kRounder = 12582912;  // 1.5 * 2^23

float LargestMagnitude(const float* values, size_t count) {
  float largest = 0;
  for (size_t i = 0; i < count; ++i) {
    const float magnitude = std::fabs(values[i]);
    largest = magnitude > largest ? magnitude : largest;
  }
  return largest;
}

void StoreScale(uint16_t scale, uint8_t* group) { std::memcpy(group, &scale, sizeof(scale)); }

// --- Q8 ---

constexpr float kQ8LargestCode = 127;

bool QuantiseQ8(const float* values, uint8_t* group) {
  const float largest = LargestMagnitude(values, kQ8.group_size);
  if (largest > kQ8LargestCode * kLargestScale) return false;
  uint16_t scale_bits = F32ToF16(largest / kQ8LargestCode);
  // The rounded scale may be too small for the largest value, noticeably so among the denormal ones.
  if (F16ToF32(scale_bits) * (kQ8LargestCode + 0.5f) < largest) ++scale_bits;
  StoreScale(scale_bits, group);
  const float scale = F16ToF32(scale_bits);
  const float inverse = scale > 0 ? 1 / scale : 0;
  for (size_t i = 0; i < kQ8.group_size; ++i) {
    float code = values[i] * inverse;
    code = code > kQ8LargestCode ? kQ8LargestCode : code;
    code = code < -kQ8LargestCode ? -kQ8LargestCode : code;
    group[kScaleBytes + i] = static_cast<uint8_t>(std::bit_cast<uint32_t>(code + kRounder));
  }
  return true;
}

// Elements [first, first + count) of a group.
void ExpandQ8(const uint8_t* group, uint64_t first, uint64_t count, float* out) {
  const float scale = F16ToF32(ScaleBits(group));
  const uint8_t* const codes = group + kScaleBytes + first;
  for (uint64_t i = 0; i < count; ++i) out[i] = scale * static_cast<float>(static_cast<int8_t>(codes[i]));
}

// --- Q4 ---

// Codes are spoken of less the code of zero: -8 to 7.

// The codes that the search for a scale gives to the largest magnitude of a group, before rounding. The sign of the
// scale follows from it: the side of the largest magnitude may get the longer or the shorter half of the codes, and
// clipping that one value often serves the 63 others.
constexpr float kQ4Candidates[] = {-8.8f, -8.4f, -8.0f, -7.6f, -7.2f, -6.8f, 7.8f, 7.4f, 7.0f, 6.6f, 6.2f};

// Sums over a group of x c and c c, c being the codes.
struct CodeSums {
  float products;
  float squares;
};

Floats Q4Codes(Floats scaled) {
  const Floats codes = (scaled + kRounder) - kRounder;
  const Floats lowest = Splat(-kQ4.zero_code);
  const Floats highest = Splat(15 - kQ4.zero_code);
  const Floats clipped = codes < lowest ? lowest : codes;
  return clipped > highest ? highest : clipped;
}

CodeSums SumQ4Codes(const float* values, float inverse) {
  constexpr size_t kRegisters = 4;
  Floats products[kRegisters] = {};
  Floats squares[kRegisters] = {};
  for (size_t i = 0; i < kQ4.group_size; i += kRegisters * kLanes) {
    for (size_t r = 0; r < kRegisters; ++r) {
      const Floats x = LoadFloats(values + i + r * kLanes);
      const Floats codes = Q4Codes(x * inverse);
      products[r] += x * codes;
      squares[r] += codes * codes;
    }
  }
  return {SumOfLanes((products[0] + products[2]) + (products[1] + products[3])),
          SumOfLanes((squares[0] + squares[2]) + (squares[1] + squares[3]))};
}

// Given codes c, the scale d that minimises sum (x - d c)^2 is sum x c / sum c c, and makes the sum smaller by
// (sum x c)^2 / sum c c than scale 0 does.
float ErrorSaved(const CodeSums& sums) { return sums.squares > 0 ? sums.products * sums.products / sums.squares : 0; }
float BestScale(const CodeSums& sums) { return sums.squares > 0 ? sums.products / sums.squares : 0; }

float SearchQ4Scale(const float* values, float extreme) {
  float saved = 0;
  float scale = 0;
  const auto consider = [&](float inverse) {
    const CodeSums sums = SumQ4Codes(values, inverse);
    if (ErrorSaved(sums) <= saved) return;
    saved = ErrorSaved(sums);
    scale = BestScale(sums);
  };
  for (const float candidate : kQ4Candidates) consider(candidate / extreme);
  if (scale != 0) consider(1 / scale);  // the codes that suit the best scale may allow a better one
  return scale;
}

bool QuantiseQ4(const float* values, uint8_t* group) {
  const float largest = LargestMagnitude(values, kQ4.group_size);
  if (largest > kQ4.zero_code * kLargestScale) return false;
  float scale = 0;
  // Below, no scale but 0 is near, and the search's quotients would overflow.
  constexpr float kSmallest = 0x1p-26f;
  if (largest >= kSmallest) {
    const float* extreme =
        std::find_if(values, values + kQ4.group_size, [=](float x) { return std::fabs(x) == largest; });
    // The best scale may be a little beyond the largest that can be stored.
    scale = std::clamp(SearchQ4Scale(values, *extreme), -kLargestScale, kLargestScale);
  }
  const uint16_t scale_bits = F32ToF16(scale);
  StoreScale(scale_bits, group);
  scale = F16ToF32(scale_bits);
  const float inverse = scale != 0 ? 1 / scale : 0;
  float codes[kQ4.group_size];
  for (size_t i = 0; i < kQ4.group_size; i += kLanes) {
    const Floats rounded = Q4Codes(LoadFloats(values + i) * inverse) + kQ4.zero_code;
    std::memcpy(codes + i, &rounded, sizeof(rounded));
  }
  for (size_t i = 0; i < kQ4.group_size / 2; ++i) {
    group[kScaleBytes + i] =
        static_cast<uint8_t>(static_cast<uint32_t>(codes[2 * i]) | static_cast<uint32_t>(codes[2 * i + 1]) << 4);
  }
  return true;
}

void ExpandQ4(const uint8_t* group, uint64_t first, uint64_t count, float* out) {
  const float scale = F16ToF32(ScaleBits(group));
  if (first % 2 == 1 && count > 0) {
    *out++ = scale * static_cast<float>(SignedCode(kQ4, group, first++));
    --count;
  }
  // From a whole byte on, so that compilers vectorise the loop.
  const uint8_t* const codes = group + kScaleBytes + first / 2;
  for (uint64_t i = 0; i < count; ++i) {
    out[i] = scale * static_cast<float>((codes[i / 2] >> (i % 2 * 4) & 15) - kQ4.zero_code);
  }
}

}  // namespace

bool QuantiseRow(uint32_t dtype, std::span<const float> row, uint8_t* out) {
  const QuantisedLayout& layout = LayoutOf(dtype);
  const auto quantise = dtype == SKEIN_DTYPE_Q8 ? QuantiseQ8 : QuantiseQ4;
  const size_t num_whole = row.size() / layout.group_size;
  for (size_t i = 0; i < num_whole; ++i) {
    if (!quantise(row.data() + i * layout.group_size, out + i * layout.group_bytes)) return false;
  }
  const std::span<const float> rest = row.subspan(num_whole * layout.group_size);
  if (rest.empty()) return true;
  float padded[std::max(kQ8.group_size, kQ4.group_size)] = {};
  std::copy(rest.begin(), rest.end(), padded);
  return quantise(padded, out + num_whole * layout.group_bytes);
}

void ExpandQuantised(uint32_t dtype, const uint8_t* row, uint64_t first, uint64_t count, float* out) {
  const QuantisedLayout& layout = LayoutOf(dtype);
  const auto expand = dtype == SKEIN_DTYPE_Q8 ? ExpandQ8 : ExpandQ4;
  while (count > 0) {
    const uint64_t in_group = first % layout.group_size;
    const uint64_t piece = std::min(count, layout.group_size - in_group);
    expand(row + first / layout.group_size * layout.group_bytes, in_group, piece, out);
    first += piece;
    count -= piece;
    out += piece;
  }
}

}  // namespace skein
