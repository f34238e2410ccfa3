#include "cuda/check/random_block.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "numbers/half.h"
#include "numbers/quantised.h"

namespace skein::check {
namespace {

constexpr size_t kTableBits = 12;
constexpr size_t kTableSize = size_t{1} << kTableBits;

// xorshift64*: all that a draw from a table needs.
class Draws {
 public:
  explicit Draws(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u + 1) {}

  size_t Next() {
    if (num_left_ == 0) {
      state_ ^= state_ >> 12;
      state_ ^= state_ << 25;
      state_ ^= state_ >> 27;
      bits_ = state_ * 0x2545F4914F6CDD1Du;
      num_left_ = 64 / kTableBits;
    }
    const size_t draw = bits_ & (kTableSize - 1);
    bits_ >>= kTableBits;
    --num_left_;
    return draw;
  }

 private:
  uint64_t state_, bits_ = 0;
  size_t num_left_ = 0;
};

// Quantiles of the uniform distribution.
std::array<float, kTableSize> Quantiles(double mean, double deviation) {
  std::array<float, kTableSize> table;
  for (size_t i = 0; i < kTableSize; ++i) {
    const double share = (static_cast<double>(i) + 0.5) / kTableSize;
    table[i] = static_cast<float>(mean + deviation * std::sqrt(12.0) * (share - 0.5));
  }
  return table;
}

template <typename Element>
void FillFrom(const std::array<Element, kTableSize>& table, uint64_t seed, std::vector<uint8_t>& block) {
  Draws draws(seed);
  for (size_t at = 0; at + sizeof(Element) <= block.size(); at += sizeof(Element)) {
    std::memcpy(block.data() + at, &table[draws.Next()], sizeof(Element));
  }
}

// Codes spread as wide as their type allows with room for a mean; one scale for all groups.
void FillGroups(uint32_t dtype, double mean, double deviation, uint64_t seed, std::vector<uint8_t>& block) {
  const QuantisedLayout& layout = LayoutOf(dtype);
  const double code_deviation = layout.bits == 8 ? 50 : 3;
  const double scale = deviation / code_deviation;
  const uint16_t scale_bits = F32ToF16(static_cast<float>(scale));
  std::array<int8_t, kTableSize> codes;
  const std::array<float, kTableSize> values = Quantiles(mean / scale, code_deviation);
  const float largest = layout.bits == 8 ? 127 : 7;
  std::transform(values.begin(), values.end(), codes.begin(), [=](float value) {
    return static_cast<int8_t>(std::clamp(std::nearbyint(value), -largest, largest));
  });
  Draws draws(seed);
  for (size_t group = 0; group + layout.group_bytes <= block.size(); group += layout.group_bytes) {
    uint8_t* to = block.data() + group;
    std::memcpy(to, &scale_bits, kScaleBytes);
    to += kScaleBytes;
    for (uint32_t i = 0; i < layout.group_size; ++i) {
      const int32_t code = codes[draws.Next()] + layout.zero_code;
      if (layout.bits == 8) {
        to[i] = static_cast<uint8_t>(code);
      } else {
        to[i / 2] = static_cast<uint8_t>(i % 2 == 0 ? code : to[i / 2] | code << 4);
      }
    }
  }
}

}  // namespace

uint64_t MatrixBytes(uint32_t dtype, uint64_t num_rows, uint64_t num_columns) {
  if (!IsQuantised(dtype)) return num_rows * num_columns * FloatBytes(dtype);
  return num_rows * LayoutOf(dtype).NumGroups(num_columns) * LayoutOf(dtype).group_bytes;
}

std::vector<uint8_t> RandomBlock(uint32_t dtype, uint64_t num_bytes, double mean, double deviation, uint64_t seed) {
  std::vector<uint8_t> block(num_bytes);
  if (IsQuantised(dtype)) {
    FillGroups(dtype, mean, deviation, seed, block);
    return block;
  }
  const std::array<float, kTableSize> values = Quantiles(mean, deviation);
  if (dtype == SKEIN_DTYPE_F32) {
    FillFrom(values, seed, block);
    return block;
  }
  std::array<uint16_t, kTableSize> halves;
  RoundFloats(values.data(), kTableSize, dtype, halves.data());
  FillFrom(halves, seed, block);
  return block;
}

}  // namespace skein::check
