#include "numbers/finite.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "numbers/panels.h"
#include "tests/support/serial_host.h"

namespace skein {
namespace {

using ::skein::testing::SerialHost;

// More than a thread takes in one turn.
constexpr uint64_t kManyBytes = (uint64_t{5} << 20) + 4;

bool IsFinite(uint32_t dtype, uint32_t layout, const std::vector<uint8_t>& bytes) {
  return AllFinite(SerialHost(), dtype, layout, bytes);
}

void Put16(std::vector<uint8_t>* bytes, uint64_t at, uint16_t bits) { std::memcpy(bytes->data() + at, &bits, 2); }

TEST(FiniteTest, OneBadNumberAnywhereIsFound) {
  const struct {
    uint32_t dtype;
    std::vector<uint8_t> infinity;
    std::vector<uint8_t> nan;
    std::vector<uint8_t> largest;
  } types[] = {
      {SKEIN_DTYPE_F32, {0, 0, 0x80, 0x7f}, {1, 0, 0x80, 0xff}, {0xff, 0xff, 0x7f, 0x7f}},
      {SKEIN_DTYPE_F16, {0, 0xfc}, {1, 0x7c}, {0xff, 0x7b}},
      {SKEIN_DTYPE_BF16, {0x80, 0xff}, {0x81, 0x7f}, {0x7f, 0x7f}},
  };
  for (const auto& type : types) {
    std::vector<uint8_t> bytes;
    while (bytes.size() < kManyBytes) bytes.insert(bytes.end(), type.largest.begin(), type.largest.end());
    EXPECT_TRUE(IsFinite(type.dtype, SKEIN_LAYOUT_ROWS, bytes)) << "type " << type.dtype;
    const uint64_t last = bytes.size() - type.nan.size();
    for (const uint64_t at : {uint64_t{0}, uint64_t{1 << 15}, uint64_t{4} << 20, last}) {
      for (const std::vector<uint8_t>& bad : {type.infinity, type.nan}) {
        std::vector<uint8_t> damaged = bytes;
        std::copy(bad.begin(), bad.end(), damaged.begin() + static_cast<ptrdiff_t>(at));
        for (const uint32_t layout : {SKEIN_LAYOUT_ROWS, SKEIN_LAYOUT_PANELS}) {
          EXPECT_FALSE(IsFinite(type.dtype, layout, damaged)) << "type " << type.dtype << " at " << at;
        }
      }
    }
  }
}

TEST(FiniteTest, OfQuantisedTypesTheScalesCountAndTheCodesDoNot) {
  for (const uint32_t dtype : {SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4}) {
    const uint64_t group_bytes = dtype == SKEIN_DTYPE_Q8 ? 130 : 34;
    for (const uint32_t layout : {SKEIN_LAYOUT_ROWS, SKEIN_LAYOUT_PANELS}) {
      // Scales, then codes: of one row or of the 64 of a panel. Codes of all ones would be NaN as a number.
      const uint64_t rows = layout == SKEIN_LAYOUT_PANELS ? kPanelRows : 1;
      const uint64_t num_groups = kManyBytes / (rows * group_bytes);
      std::vector<uint8_t> bytes(num_groups * rows * group_bytes, 0xff);
      for (uint64_t group = 0; group < num_groups; ++group) {
        for (uint64_t row = 0; row < rows; ++row) Put16(&bytes, group * rows * group_bytes + row * 2, 0x7bff);
      }
      EXPECT_TRUE(IsFinite(dtype, layout, bytes)) << "type " << dtype << " in "
                                                  << "layout " << layout;
      for (const uint64_t group : {uint64_t{0}, num_groups / 2, num_groups - 1}) {
        for (const uint64_t row : {uint64_t{0}, rows - 1}) {
          std::vector<uint8_t> damaged = bytes;
          Put16(&damaged, group * rows * group_bytes + row * 2, 0xfc00);
          EXPECT_FALSE(IsFinite(dtype, layout, damaged)) << "type " << dtype << " in "
                                                         << "layout " << layout;
        }
      }
    }
  }
}

TEST(FiniteTest, NothingIsFinite) { EXPECT_TRUE(IsFinite(SKEIN_DTYPE_F32, SKEIN_LAYOUT_ROWS, {})); }

TEST(FiniteTest, TheFirstBadValueIsFound) {
  std::vector<float> values(1000, std::numeric_limits<float>::max());
  values[7] = -std::numeric_limits<float>::denorm_min();
  EXPECT_TRUE(AllFinite(values));
  EXPECT_EQ(FindNotFinite(values), values.size());
  for (const float bad : {std::nanf(""), -std::numeric_limits<float>::infinity()}) {
    std::vector<float> damaged = values;
    damaged[500] = damaged[998] = bad;
    EXPECT_FALSE(AllFinite(damaged));
    EXPECT_EQ(FindNotFinite(damaged), 500u);
  }
  EXPECT_TRUE(AllFinite(std::vector<float>()));
  EXPECT_EQ(FindNotFinite({}), 0u);
}

}  // namespace
}  // namespace skein
