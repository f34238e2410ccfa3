#include "model/elements.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "numbers/half.h"
#include "tests/support/fake_format.h"

namespace skein {
namespace {

using ::skein::testing::FloatBytes;
using ::skein::testing::SerialHost;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<float> CopyAsF32(const TensorView& view) {
  uint64_t num_elements;
  EXPECT_TRUE(NumElements(view.shape, &num_elements));
  std::vector<float> out(num_elements);
  EXPECT_TRUE(CopyElements(view, "t", SKEIN_DTYPE_F32, reinterpret_cast<uint8_t*>(out.data())).ok());
  return out;
}

TEST(ElementsTest, AViewTheOtherWayRoundIsTurned) {
  const std::vector<uint8_t> data = FloatBytes({1, 2, 3, 4, 5, 6});  // [2, 3]
  const TensorView view = {SKEIN_DTYPE_F32, {3, 2}, {1, 3}, data.data()};
  EXPECT_THAT(CopyAsF32(view), ElementsAre(1, 4, 2, 5, 3, 6));
}

TEST(ElementsTest, ColumnsOfAWiderMatrixAreGathered) {
  const std::vector<uint8_t> data = FloatBytes({1, 2, 3, 4, 5, 6});
  const TensorView view = {SKEIN_DTYPE_F32, {2, 2}, {3, 1}, data.data() + sizeof(float)};
  EXPECT_THAT(CopyAsF32(view), ElementsAre(2, 3, 5, 6));
}

TEST(ElementsTest, LongTensorsAreCopiedWhole) {
  std::vector<float> values(10001);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const std::vector<uint8_t> data = FloatBytes(values);
  EXPECT_EQ(CopyAsF32({SKEIN_DTYPE_F32, {10001}, {1}, data.data()}), values);
  const TensorView turned = {SKEIN_DTYPE_F32, {1, 10001}, {1, 1}, data.data()};
  EXPECT_EQ(CopyAsF32(turned), values);
}

TEST(ElementsTest, NamesTheElementThatIsNotFiniteInTheOrderOfTheView) {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    for (const uint32_t dtype : {SKEIN_DTYPE_F32, SKEIN_DTYPE_F16, SKEIN_DTYPE_BF16}) {
      std::vector<float> values(6000, 1.0f);
      values[5 * 1000 + 7] = bad;
      std::vector<uint8_t> data(values.size() * 4);
      RoundFloats(values.data(), values.size(), dtype, data.data());
      const TensorView view = {dtype, {6, 1000}, {1000, 1}, data.data()};
      const absl::Status status = CheckFinite(SerialHost(), view, "x");
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
      EXPECT_THAT(std::string(status.message()), HasSubstr("tensor \"x\": element [5, 7] of [6, 1000]"));
      const TensorView turned = {dtype, {1000, 6}, {1, 1000}, data.data()};
      EXPECT_THAT(std::string(CheckFinite(SerialHost(), turned, "x").message()),
                  HasSubstr("element [7, 5] of [1000, 6]"));
      std::vector<uint8_t> out(values.size() * 4);
      EXPECT_EQ(CopyElements(view, "x", SKEIN_DTYPE_F32, out.data()).code(), absl::StatusCode::kDataLoss);
    }
  }
}

TEST(ElementsTest, LargeAndDenormalNumbersAreFinite) {
  const std::vector<uint8_t> data =
      FloatBytes({std::numeric_limits<float>::max(), -std::numeric_limits<float>::max(), 1e-42f, -0.0f});
  EXPECT_TRUE(CheckFinite(SerialHost(), {SKEIN_DTYPE_F32, {4}, {1}, data.data()}, "x").ok());
}

TEST(ElementsTest, ANumberTooLargeForTheTargetIsNamed) {
  const std::vector<uint8_t> data = FloatBytes({1, 2, 70000, 4});
  uint8_t out[8];
  const TensorView view = {SKEIN_DTYPE_F32, {2, 2}, {2, 1}, data.data()};
  const absl::Status status = CopyElements(view, "x", SKEIN_DTYPE_F16, out);
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("tensor \"x\": element [1, 0] of [2, 2]: 70000 is too large for f16"));
  EXPECT_TRUE(CopyElements(view, "x", SKEIN_DTYPE_BF16, out).ok());
}

TEST(ElementsTest, RowsOfLargeBlocksAreReadAcrossRuns) {
  // 20 rows of two blocks of Q6_K: more than the elements of one run. A block of zeros but for its factor is all -32
  // times scale 0; the last block has scale 1 in its first part.
  constexpr size_t kBlockBytes = 210;
  std::vector<uint8_t> data(40 * kBlockBytes, 0);
  uint8_t* const last = data.data() + 39 * kBlockBytes;
  last[192] = 1;     // the first of its scales
  last[209] = 0x3c;  // 1.0
  const std::vector<float> values = CopyAsF32({SKEIN_DTYPE_GGML_Q6_K, {20, 512}, {512, 1}, data.data()});
  EXPECT_EQ(values[19 * 512 + 255], 0.0f);
  EXPECT_EQ(values[19 * 512 + 256], -32.0f);
  EXPECT_EQ(values[19 * 512 + 271], -32.0f);
  EXPECT_EQ(values[19 * 512 + 272], 0.0f);
}

TEST(ElementsTest, RowsThatArePaddedAreReadWithoutThePadding) {
  for (const uint32_t dtype : {SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4}) {
    constexpr uint64_t kColumns = 5000;  // more than a run, and no whole groups
    std::vector<float> values(3 * kColumns);
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(static_cast<int>(i % 15) - 7);
    values[0] = values[kColumns] = values[2 * kColumns] = 7;
    uint64_t size_bytes = 0;
    ASSERT_TRUE(PackedBytes(*FindDtype(dtype), {3, kColumns}, &size_bytes));
    std::vector<uint8_t> data(size_bytes);
    const std::vector<uint8_t> plain = FloatBytes(values);
    ASSERT_TRUE(
        CopyElements({SKEIN_DTYPE_F32, {3, kColumns}, {kColumns, 1}, plain.data()}, "x", dtype, data.data()).ok());
    const TensorView view = {dtype, {3, kColumns}, {kColumns, 1}, data.data()};
    const std::vector<float> back = CopyAsF32(view);
    for (size_t i = 0; i < values.size(); ++i) ASSERT_NEAR(back[i], values[i], dtype == SKEIN_DTYPE_Q8 ? 0.03f : 0.4f);
    EXPECT_TRUE(CheckFinite(SerialHost(), view, "x").ok());

    // The scale of the last group.
    const size_t last_group = size_bytes - FindDtype(dtype)->block_bytes;
    data[last_group] = 0;
    data[last_group + 1] = 0x7c;
    const uint64_t first_bad = kColumns / FindDtype(dtype)->block_elements * FindDtype(dtype)->block_elements;
    const absl::Status status = CheckFinite(SerialHost(), view, "x");
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("element [2, " + std::to_string(first_bad) + "] of [3, 5000]"));
  }
}

TEST(ElementsTest, BlocksAreReadPackedOnly) {
  const std::vector<uint8_t> data(4 * 34, 0);
  const TensorView packed = {SKEIN_DTYPE_GGML_Q8_0, {2, 64}, {64, 1}, data.data()};
  EXPECT_EQ(CopyAsF32(packed), std::vector<float>(128, 0.0f));
  const TensorView turned = {SKEIN_DTYPE_GGML_Q8_0, {64, 2}, {1, 64}, data.data()};
  EXPECT_EQ(CheckFinite(SerialHost(), turned, "x").code(), absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace skein
