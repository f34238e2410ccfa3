#include "reference/row.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace skein::reference {
namespace {

void QuantiseGroup(std::span<const float> x, float* scale, int8_t* codes) {
  float largest = 0;
  bool is_finite = true;
  for (const float value : x) {
    largest = std::max(largest, std::fabs(value));
    is_finite = is_finite && std::isfinite(value);
  }
  if (!is_finite || largest < 0x1p-100f) {
    *scale = is_finite ? 0 : std::numeric_limits<float>::quiet_NaN();
    std::fill_n(codes, x.size(), int8_t{0});
    return;
  }
  *scale = largest / 127;
  const float inverse = 127 / largest;
  for (size_t i = 0; i < x.size(); ++i) codes[i] = static_cast<int8_t>(std::nearbyint(x[i] * inverse));
}

}  // namespace

float Dot(std::span<const float> a, std::span<const float> b) {
  float sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

void Quantise(std::span<const float> x, uint64_t group_size, float* scales, int8_t* codes) {
  for (; !x.empty(); ++scales, codes += group_size) {
    const auto group = x.first(std::min<size_t>(group_size, x.size()));
    QuantiseGroup(group, scales, codes);
    std::fill(codes + group.size(), codes + group_size, int8_t{0});
    x = x.subspan(group.size());
  }
}

float Dot(const QuantisedRow& a, const QuantisedRow& b) {
  float sum = 0;
  for (uint64_t group = 0; group < a.num_groups; ++group) {
    const uint64_t first = group * a.group_size;
    int32_t integer = 0;
    for (uint64_t i = first; i < first + a.group_size; ++i) integer += int32_t{a.codes[i]} * b.codes[i];
    sum = std::fma(static_cast<float>(integer), a.scales[group] * b.scales[group], sum);
  }
  return sum;
}

}  // namespace skein::reference
