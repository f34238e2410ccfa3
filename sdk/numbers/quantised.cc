#include "numbers/quantised.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "model/convert_dtype.h"
#include "skein/dtype.h"

namespace skein {
namespace {

constexpr size_t kScaleBytes = sizeof(uint16_t);
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

float LoadScale(const uint8_t* group) {
  uint16_t scale;
  std::memcpy(&scale, group, sizeof(scale));
  return F16ToF32(scale);
}

// --- Q8 ---

constexpr float kQ8LargestCode = 127;

bool QuantiseQ8(const float* values, uint8_t* group) {
  const float largest = LargestMagnitude(values, kQ8GroupElements);
  if (largest > kQ8LargestCode * kLargestScale) return false;
  uint16_t scale_bits = F32ToF16(largest / kQ8LargestCode);
  // The rounded scale may be too small for the largest value, noticeably so among the denormal ones.
  if (F16ToF32(scale_bits) * (kQ8LargestCode + 0.5f) < largest) ++scale_bits;
  StoreScale(scale_bits, group);
  const float scale = F16ToF32(scale_bits);
  const float inverse = scale > 0 ? 1 / scale : 0;
  for (size_t i = 0; i < kQ8GroupElements; ++i) {
    float code = values[i] * inverse;
    code = code > kQ8LargestCode ? kQ8LargestCode : code;
    code = code < -kQ8LargestCode ? -kQ8LargestCode : code;
    group[kScaleBytes + i] = static_cast<uint8_t>(std::bit_cast<uint32_t>(code + kRounder));
  }
  return true;
}

void DequantiseQ8(const uint8_t* group, size_t count, float* out) {
  const float scale = LoadScale(group);
  for (size_t i = 0; i < count; ++i) {
    out[i] = scale * static_cast<float>(static_cast<int8_t>(group[kScaleBytes + i]));
  }
}

// --- Q4 ---

// Codes are spoken of less the code of zero: -8 to 7.
constexpr int kQ4ZeroCode = 8;

// What value the largest magnitude of a group is given before the codes are rounded, over which the scale is searched.
// The sign of the scale follows from it: the side of the largest magnitude may get the longer or the shorter half of
// the codes, and clipping that one value often serves the 63 others.
constexpr float kQ4Candidates[] = {-8.8f, -8.4f, -8.0f, -7.6f, -7.2f, -6.8f, 7.8f, 7.4f, 7.0f, 6.6f, 6.2f};

// Sums over a group of x c and c c, c being the codes.
struct CodeSums {
  float products;
  float squares;
};

Floats Q4Codes(Floats scaled) {
  const Floats codes = (scaled + kRounder) - kRounder;
  const Floats lowest = Splat(-kQ4ZeroCode);
  const Floats highest = Splat(15 - kQ4ZeroCode);
  const Floats clipped = codes < lowest ? lowest : codes;
  return clipped > highest ? highest : clipped;
}

CodeSums SumQ4Codes(const float* values, float inverse) {
  constexpr size_t kRegisters = 4;
  Floats products[kRegisters] = {};
  Floats squares[kRegisters] = {};
  for (size_t i = 0; i < kQ4GroupElements; i += kRegisters * kLanes) {
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
  const float largest = LargestMagnitude(values, kQ4GroupElements);
  if (largest > kQ4ZeroCode * kLargestScale) return false;
  float scale = 0;
  // Below, no scale but 0 is near, and the search's quotients would overflow.
  constexpr float kSmallest = 0x1p-26f;
  if (largest >= kSmallest) {
    const float* extreme =
        std::find_if(values, values + kQ4GroupElements, [=](float x) { return std::fabs(x) == largest; });
    // The best scale may be a little beyond the largest that can be stored.
    scale = std::clamp(SearchQ4Scale(values, *extreme), -kLargestScale, kLargestScale);
  }
  const uint16_t scale_bits = F32ToF16(scale);
  StoreScale(scale_bits, group);
  scale = F16ToF32(scale_bits);
  const float inverse = scale != 0 ? 1 / scale : 0;
  float codes[kQ4GroupElements];
  for (size_t i = 0; i < kQ4GroupElements; i += kLanes) {
    const Floats rounded = Q4Codes(LoadFloats(values + i) * inverse) + kQ4ZeroCode;
    std::memcpy(codes + i, &rounded, sizeof(rounded));
  }
  for (size_t i = 0; i < kQ4GroupElements / 2; ++i) {
    group[kScaleBytes + i] =
        static_cast<uint8_t>(static_cast<uint32_t>(codes[2 * i]) | static_cast<uint32_t>(codes[2 * i + 1]) << 4);
  }
  return true;
}

void DequantiseQ4(const uint8_t* group, size_t count, float* out) {
  const float scale = LoadScale(group);
  for (size_t i = 0; i < count; ++i) {
    const int code = group[kScaleBytes + i / 2] >> (i % 2 * 4) & 15;
    out[i] = scale * static_cast<float>(code - kQ4ZeroCode);
  }
}

}  // namespace

bool QuantiseRow(uint32_t dtype, absl::Span<const float> row, uint8_t* out) {
  const bool is_q8 = dtype == SKEIN_DTYPE_Q8;
  const auto quantise = is_q8 ? QuantiseQ8 : QuantiseQ4;
  const size_t group_elements = is_q8 ? kQ8GroupElements : kQ4GroupElements;
  const size_t group_bytes = is_q8 ? kQ8GroupBytes : kQ4GroupBytes;
  const size_t num_whole = row.size() / group_elements;
  for (size_t i = 0; i < num_whole; ++i) {
    if (!quantise(row.data() + i * group_elements, out + i * group_bytes)) return false;
  }
  const absl::Span<const float> rest = row.subspan(num_whole * group_elements);
  if (rest.empty()) return true;
  float padded[std::max(kQ8GroupElements, kQ4GroupElements)] = {};
  std::copy(rest.begin(), rest.end(), padded);
  return quantise(padded, out + num_whole * group_bytes);
}

void DequantiseGroups(uint32_t dtype, const uint8_t* groups, size_t count, float* out) {
  const bool is_q8 = dtype == SKEIN_DTYPE_Q8;
  const auto dequantise = is_q8 ? DequantiseQ8 : DequantiseQ4;
  const size_t group_elements = is_q8 ? kQ8GroupElements : kQ4GroupElements;
  const size_t group_bytes = is_q8 ? kQ8GroupBytes : kQ4GroupBytes;
  for (size_t first = 0; first < count; first += group_elements, groups += group_bytes) {
    dequantise(groups, std::min(group_elements, count - first), out + first);
  }
}

}  // namespace skein
