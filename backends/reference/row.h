// Rows of numbers, of weights or of inputs, in the two forms in which they are multiplied with each other: floats, and
// groups of 8-bit codes. Pure functions; nothing here owns memory.
#ifndef SKEIN_BACKENDS_REFERENCE_ROW_H_
#define SKEIN_BACKENDS_REFERENCE_ROW_H_

#include <cstdint>
#include <span>

namespace skein::reference {

// The sum of a[i] * b[i], in order, in float32. Both are of one size.
float Dot(std::span<const float> a, std::span<const float> b);

// Numbers in 8 bits: each is its code times the scale of its group.
struct QuantisedRow {
  uint64_t num_groups;
  uint64_t group_size;
  const float* scales;  // [num_groups]
  const int8_t* codes;  // [num_groups][group_size]; the last group is filled up with zeros
};

// Rounds x to codes from -127 to 127, in as many groups as it fills. The scale of a group is its largest magnitude /
// 127, and a code is x * (127 / largest magnitude), to nearest, ties to even. A group below 2^-100 in magnitude is
// zero: scale and codes 0. A group that holds anything not finite has scale NaN and codes 0.
void Quantise(std::span<const float> x, uint64_t group_size, float* scales, int8_t* codes);

// The sum of the products of a's numbers with b's, which have groups of the same size. In each group the products of
// codes are summed as integers, which is exact. Then, group by group, sum = fma(integer, a's scale * b's scale, sum) in
// float32.
float Dot(const QuantisedRow& a, const QuantisedRow& b);

}  // namespace skein::reference

#endif  // SKEIN_BACKENDS_REFERENCE_ROW_H_
