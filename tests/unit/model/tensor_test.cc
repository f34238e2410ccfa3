#include "model/tensor.h"

#include <gtest/gtest.h>

#include <vector>

#include "skein/dtype.h"

namespace skein {
namespace {

constexpr uint32_t kTypesOfPackages[] = {SKEIN_DTYPE_F32, SKEIN_DTYPE_F16, SKEIN_DTYPE_BF16, SKEIN_DTYPE_Q8,
                                         SKEIN_DTYPE_Q4};

TEST(TensorTest, PanelsAreFilledUpToWholeOnes) {
  const struct {
    uint32_t dtype;
    uint64_t rows, panels;
  } sizes[] = {
      {SKEIN_DTYPE_F32, 65 * 33 * 4, 2 * 64 * 48 * 4},  {SKEIN_DTYPE_F16, 65 * 33 * 2, 2 * 64 * 33 * 2},
      {SKEIN_DTYPE_BF16, 65 * 33 * 2, 2 * 64 * 64 * 2}, {SKEIN_DTYPE_Q8, 65 * 130, 2 * 64 * 130},
      {SKEIN_DTYPE_Q4, 65 * 34, 2 * 64 * 34},
  };
  for (const auto& size : sizes) {
    uint64_t size_bytes = 0;
    EXPECT_TRUE(LayoutBytes(size.dtype, SKEIN_LAYOUT_ROWS, {65, 33}, &size_bytes));
    EXPECT_EQ(size_bytes, size.rows) << DtypeName(size.dtype);
    EXPECT_TRUE(LayoutBytes(size.dtype, SKEIN_LAYOUT_PANELS, {65, 33}, &size_bytes));
    EXPECT_EQ(size_bytes, size.panels) << DtypeName(size.dtype);
  }
}

TEST(TensorTest, SizesThatDoNotFitAreNone) {
  constexpr uint64_t kMost = ~uint64_t{0};
  uint64_t size_bytes = 0;
  for (const uint32_t dtype : kTypesOfPackages) {
    EXPECT_FALSE(LayoutBytes(dtype, SKEIN_LAYOUT_PANELS, {1, kMost}, &size_bytes)) << DtypeName(dtype);
    EXPECT_FALSE(LayoutBytes(dtype, SKEIN_LAYOUT_PANELS, {kMost, 64}, &size_bytes)) << DtypeName(dtype);
    EXPECT_TRUE(LayoutBytes(dtype, SKEIN_LAYOUT_PANELS, {0, 64}, &size_bytes)) << DtypeName(dtype);
    EXPECT_EQ(size_bytes, 0u);
    EXPECT_FALSE(LayoutBytes(dtype, SKEIN_LAYOUT_PANELS, {64}, &size_bytes)) << "a vector has no panels";
    EXPECT_FALSE(LayoutBytes(dtype, 2, {64, 64}, &size_bytes)) << "there is no such layout";
  }
  EXPECT_FALSE(LayoutBytes(SKEIN_DTYPE_F64, SKEIN_LAYOUT_PANELS, {64, 64}, &size_bytes));
  EXPECT_FALSE(LayoutBytes(SKEIN_DTYPE_GGML_Q8_0, SKEIN_LAYOUT_PANELS, {64, 64}, &size_bytes));
}

TEST(TensorTest, LayoutsHaveNames) {
  EXPECT_EQ(LayoutName(SKEIN_LAYOUT_ROWS), "rows");
  EXPECT_EQ(LayoutName(SKEIN_LAYOUT_PANELS), "panels");
  EXPECT_EQ(LayoutName(7), "layout 7");
}

}  // namespace
}  // namespace skein
