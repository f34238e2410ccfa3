#include "model/elements.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/convert_dtype.h"
#include "tests/unit/model/fake_format.h"

namespace skein {
namespace {

using ::skein::testing::FloatBytes;
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
      FromF32(values.data(), values.size(), dtype, data.data());
      const TensorView view = {dtype, {6, 1000}, {1000, 1}, data.data()};
      const absl::Status status = CheckFinite(view, "x");
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
      EXPECT_THAT(std::string(status.message()), HasSubstr("tensor \"x\": element [5, 7] of [6, 1000]"));
      const TensorView turned = {dtype, {1000, 6}, {1, 1000}, data.data()};
      EXPECT_THAT(std::string(CheckFinite(turned, "x").message()), HasSubstr("element [7, 5] of [1000, 6]"));
      std::vector<uint8_t> out(values.size() * 4);
      EXPECT_EQ(CopyElements(view, "x", SKEIN_DTYPE_F32, out.data()).code(), absl::StatusCode::kDataLoss);
    }
  }
}

TEST(ElementsTest, LargeAndDenormalNumbersAreFinite) {
  const std::vector<uint8_t> data =
      FloatBytes({std::numeric_limits<float>::max(), -std::numeric_limits<float>::max(), 1e-42f, -0.0f});
  EXPECT_TRUE(CheckFinite({SKEIN_DTYPE_F32, {4}, {1}, data.data()}, "x").ok());
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

TEST(ElementsTest, BlocksAreReadPackedOnly) {
  const std::vector<uint8_t> data(4 * 34, 0);
  const TensorView packed = {SKEIN_DTYPE_GGML_Q8_0, {2, 64}, {64, 1}, data.data()};
  EXPECT_EQ(CopyAsF32(packed), std::vector<float>(128, 0.0f));
  const TensorView turned = {SKEIN_DTYPE_GGML_Q8_0, {64, 2}, {1, 64}, data.data()};
  EXPECT_EQ(CheckFinite(turned, "x").code(), absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace skein
