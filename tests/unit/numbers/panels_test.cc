#include "numbers/panels.h"

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/serial_host.h"

namespace skein {
namespace {

using ::skein::testing::SerialHost;

constexpr uint32_t kTypes[] = {SKEIN_DTYPE_F32, SKEIN_DTYPE_F16, SKEIN_DTYPE_BF16, SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4};

struct Shape {
  uint64_t rows;
  uint64_t columns;
};
// A panel, parts of one, and several; widths that are whole steps of every type, of some, and of none.
constexpr Shape kShapes[] = {{64, 128},  {1, 1},     {3, 5},    {64, 33}, {65, 128},
                             {130, 320}, {200, 257}, {128, 16}, {63, 96}};

uint64_t Size(uint32_t dtype, uint32_t layout, const Shape& shape) {
  if (layout == SKEIN_LAYOUT_ROWS) return shape.rows * RowBytes(dtype, shape.columns);
  return NumPanels(shape.rows) * PanelBytes(dtype, shape.columns);
}

std::vector<uint8_t> RandomBytes(uint64_t size) {
  std::mt19937 random(static_cast<uint32_t>(size));
  std::vector<uint8_t> bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

std::vector<uint8_t> ToPanels(uint32_t dtype, const Shape& shape, const std::vector<uint8_t>& rows) {
  std::vector<uint8_t> panels(Size(dtype, SKEIN_LAYOUT_PANELS, shape), 0xEE);
  RowsToPanels(SerialHost(), dtype, shape.rows, shape.columns, rows.data(), panels.data());
  return panels;
}

uint64_t UpTo(uint64_t value, uint64_t step) { return (value + step - 1) / step * step; }

// The byte at which element (row, column) of a plain type lies, as skein/dtype.h words it.
uint64_t PlainPlace(uint32_t dtype, const Shape& shape, uint64_t row, uint64_t column) {
  const uint64_t panel = row / 64, o = row % 64, k = shape.columns;
  if (dtype == SKEIN_DTYPE_F32) return (panel * UpTo(k, 16) * 64 + column * 64 + o) * 4;
  if (dtype == SKEIN_DTYPE_F16) return (panel * k * 64 + column * 64 + o) * 2;
  return (panel * UpTo((k + 1) / 2, 16) * 128 + column / 2 * 128 + o * 2 + column % 2) * 2;
}

TEST(PanelsTest, PlainElementsLieWhereTheHeaderSays) {
  for (const uint32_t dtype : {SKEIN_DTYPE_F32, SKEIN_DTYPE_F16, SKEIN_DTYPE_BF16}) {
    const uint64_t bytes = dtype == SKEIN_DTYPE_F32 ? 4 : 2;
    for (const Shape& shape : kShapes) {
      SCOPED_TRACE("type " + std::to_string(dtype) + ", " + std::to_string(shape.rows) + " x " +
                   std::to_string(shape.columns));
      const std::vector<uint8_t> rows = RandomBytes(Size(dtype, SKEIN_LAYOUT_ROWS, shape));
      // Every element at its place, and zeros everywhere else.
      std::vector<uint8_t> expected(Size(dtype, SKEIN_LAYOUT_PANELS, shape), 0);
      for (uint64_t row = 0; row < shape.rows; ++row) {
        for (uint64_t column = 0; column < shape.columns; ++column) {
          std::memcpy(expected.data() + PlainPlace(dtype, shape, row, column),
                      rows.data() + (row * shape.columns + column) * bytes, bytes);
        }
      }
      EXPECT_EQ(ToPanels(dtype, shape, rows), expected);
    }
  }
}

TEST(PanelsTest, ScalesAndCodesOfQ8LieWhereTheHeaderSays) {
  for (const Shape& shape : kShapes) {
    const std::vector<uint8_t> rows = RandomBytes(Size(SKEIN_DTYPE_Q8, SKEIN_LAYOUT_ROWS, shape));
    const uint64_t num_groups = UpTo(shape.columns, 128) / 128;
    std::vector<uint8_t> expected(Size(SKEIN_DTYPE_Q8, SKEIN_LAYOUT_PANELS, shape), 0);
    for (uint64_t row = 0; row < shape.rows; ++row) {
      for (uint64_t group = 0; group < num_groups; ++group) {
        const uint8_t* from = rows.data() + (row * num_groups + group) * 130;
        uint8_t* to = expected.data() + (row / 64 * num_groups + group) * 64 * 130;
        std::memcpy(to + row % 64 * 2, from, 2);
        for (uint64_t i = 0; i < 128; ++i) {
          to[128 + i / 4 * 256 + row % 64 * 4 + i % 4] = static_cast<uint8_t>(static_cast<int8_t>(from[2 + i]) + 128);
        }
      }
    }
    EXPECT_EQ(ToPanels(SKEIN_DTYPE_Q8, shape, rows), expected) << shape.rows << " x " << shape.columns;
  }
}

TEST(PanelsTest, ScalesAndCodesOfQ4LieWhereTheHeaderSays) {
  for (const Shape& shape : kShapes) {
    const std::vector<uint8_t> rows = RandomBytes(Size(SKEIN_DTYPE_Q4, SKEIN_LAYOUT_ROWS, shape));
    const uint64_t num_groups = UpTo(shape.columns, 64) / 64;
    std::vector<uint8_t> expected(Size(SKEIN_DTYPE_Q4, SKEIN_LAYOUT_PANELS, shape), 0);
    for (uint64_t row = 0; row < shape.rows; ++row) {
      for (uint64_t group = 0; group < num_groups; ++group) {
        const uint8_t* from = rows.data() + (row * num_groups + group) * 34;
        uint8_t* to = expected.data() + (row / 64 * num_groups + group) * 64 * 34;
        std::memcpy(to + row % 64 * 2, from, 2);
        for (uint64_t i = 0; i < 64; ++i) {
          const int code = from[2 + i / 2] >> (i % 2 * 4) & 15;
          uint8_t& byte = to[128 + i / 8 * 256 + row % 64 * 4 + i % 4];
          byte = static_cast<uint8_t>(byte | code << (i % 8 < 4 ? 0 : 4));
        }
      }
    }
    EXPECT_EQ(ToPanels(SKEIN_DTYPE_Q4, shape, rows), expected) << shape.rows << " x " << shape.columns;
  }
}

TEST(PanelsTest, RowsComeBackBitForBit) {
  for (const uint32_t dtype : kTypes) {
    for (const Shape& shape : kShapes) {
      const std::vector<uint8_t> rows = RandomBytes(Size(dtype, SKEIN_LAYOUT_ROWS, shape));
      const std::vector<uint8_t> panels = ToPanels(dtype, shape, rows);
      std::vector<uint8_t> back(rows.size(), 0xEE);
      PanelsToRows(SerialHost(), dtype, shape.rows, shape.columns, panels.data(), back.data());
      EXPECT_EQ(back, rows) << "type " << dtype << ", " << shape.rows << " x " << shape.columns;
    }
  }
}

TEST(PanelsTest, DataMayBeUnaligned) {
  constexpr Shape kShape = {70, 40};
  for (const uint32_t dtype : kTypes) {
    const std::vector<uint8_t> rows = RandomBytes(Size(dtype, SKEIN_LAYOUT_ROWS, kShape));
    std::vector<uint8_t> shifted(rows.size() + 1);
    std::memcpy(shifted.data() + 1, rows.data(), rows.size());
    std::vector<uint8_t> panels(Size(dtype, SKEIN_LAYOUT_PANELS, kShape) + 1);
    RowsToPanels(SerialHost(), dtype, kShape.rows, kShape.columns, shifted.data() + 1, panels.data() + 1);
    EXPECT_EQ(std::vector<uint8_t>(panels.begin() + 1, panels.end()), ToPanels(dtype, kShape, rows));
  }
}

TEST(PanelsTest, SizesAreThoseOfTheHeader) {
  EXPECT_EQ(PanelBytes(SKEIN_DTYPE_F32, 33), 64u * 48 * 4);
  EXPECT_EQ(PanelBytes(SKEIN_DTYPE_F16, 33), 64u * 33 * 2);
  EXPECT_EQ(PanelBytes(SKEIN_DTYPE_BF16, 33), 64u * 64 * 2);
  EXPECT_EQ(PanelBytes(SKEIN_DTYPE_Q8, 129), 64u * 2 * 130);
  EXPECT_EQ(PanelBytes(SKEIN_DTYPE_Q4, 129), 64u * 3 * 34);
  EXPECT_EQ(RowBytes(SKEIN_DTYPE_F32, 33), 132u);
  EXPECT_EQ(RowBytes(SKEIN_DTYPE_Q8, 129), 260u);
  EXPECT_EQ(NumPanels(0), 0u);
  EXPECT_EQ(NumPanels(64), 1u);
  EXPECT_EQ(NumPanels(65), 2u);
  for (const uint32_t other : {SKEIN_DTYPE_NONE, SKEIN_DTYPE_F64, SKEIN_DTYPE_GGML_Q8_0, 9999}) {
    EXPECT_EQ(RowBytes(other, 33), 0u) << other;
    EXPECT_EQ(PanelBytes(other, 33), 0u) << other;
  }
}

TEST(PanelsTest, TheWidestPanelsFit64Bits) {
  for (const uint32_t dtype : kTypes) {
    EXPECT_GT(PanelBytes(dtype, kMaxColumns - 1), PanelBytes(dtype, kMaxColumns / 2)) << "type " << dtype;
  }
}

}  // namespace
}  // namespace skein
