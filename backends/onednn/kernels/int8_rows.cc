#include "onednn/kernels/int8_rows.h"

#include <cstring>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "onednn/kernels/int8_rows.cc"
#include <hwy/foreach_target.h>
//
#include "onednn/kernels/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace skein::onednn::HWY_NAMESPACE {

// A whole group.
HWY_INLINE void QuantiseGroup(const float* x, uint32_t group_size, int8_t* codes, float* scale, int32_t* sum) {
  const Floats d;
  const hn::RebindToSigned<Floats> di;
  const hn::Rebind<int8_t, Floats> d8;
  const size_t lanes = hn::Lanes(d);

  // Magnitudes compare as their bits do. Infinities and NaN are above all others.
  auto largest_bits = hn::Zero(di);
  for (size_t i = 0; i < group_size; i += lanes) {
    largest_bits = hn::Max(largest_bits, hn::BitCast(di, hn::Abs(hn::LoadU(d, x + i))));
  }
  const int32_t bits = hn::GetLane(hn::MaxOfLanes(di, largest_bits));
  float largest;
  std::memcpy(&largest, &bits, sizeof(largest));

  const bool is_finite = largest <= std::numeric_limits<float>::max();
  const bool is_zero = !is_finite || largest < 0x1p-100f;
  const auto inverse = hn::Set(d, is_zero ? 0.0f : 127.0f / largest);
  auto total = hn::Zero(di);
  for (size_t i = 0; i < group_size; i += lanes) {
    const auto value = is_zero ? hn::Zero(d) : hn::LoadU(d, x + i);
    const auto code = hn::NearestInt(hn::Mul(value, inverse));
    total = hn::Add(total, code);
    hn::StoreU(hn::DemoteTo(d8, code), d8, codes + i);
  }
  *sum = hn::GetLane(hn::SumOfLanes(di, total));
  *scale = !is_finite ? std::numeric_limits<float>::quiet_NaN() : (is_zero ? 0.0f : largest / 127.0f);
}

void QuantiseItems(const Int8Block& block, uint64_t begin, uint64_t end) {
  HWY_ALIGN float filled[kMaxGroupSize];
  const uint64_t num_groups = (block.num_inputs + block.group_size - 1) / block.group_size;
  for (uint64_t item = begin; item < end; ++item) {
    const auto group = static_cast<uint32_t>(item % num_groups);
    const auto first_row = static_cast<uint32_t>(item / num_groups * kItemRows);
    const uint32_t end_row = HWY_MIN(first_row + kItemRows, block.num_rows);
    const uint32_t input = group * block.group_size;
    const uint32_t count = HWY_MIN(block.group_size, block.num_inputs - input);
    for (uint32_t row = first_row; row < end_row; ++row) {
      const float* x = block.x + size_t{row} * block.num_inputs + input;
      if (count < block.group_size) {
        std::memcpy(filled, x, count * sizeof(float));
        std::memset(filled + count, 0, (block.group_size - count) * sizeof(float));
        x = filled;
      }
      const size_t place = size_t{group} * block.num_rows + row;
      QuantiseGroup(x, block.group_size, block.codes + place * block.group_size, block.scales + place,
                    block.sums + place);
    }
  }
}

}  // namespace skein::onednn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace skein::onednn {

HWY_EXPORT(QuantiseItems);

void QuantiseItems(const Int8Block& block, uint64_t begin, uint64_t end) {
  HWY_DYNAMIC_DISPATCH(QuantiseItems)(block, begin, end);
}

}  // namespace skein::onednn
#endif  // HWY_ONCE
