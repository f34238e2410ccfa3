#include "model/element_writer.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/tensor.h"

namespace skein {
namespace {

using ::testing::HasSubstr;

const std::string kName = "x";

std::vector<float> Waves(uint64_t count) {
  std::vector<float> values(count);
  for (uint64_t i = 0; i < count; ++i) values[i] = std::sin(static_cast<float>(i) * 0.7f);
  return values;
}

// Adds the values in pieces of `piece`.
std::vector<uint8_t> Written(const std::vector<uint64_t>& shape, uint32_t dtype, const std::vector<float>& values,
                             size_t piece) {
  uint64_t size_bytes = 0;
  EXPECT_TRUE(PackedBytes(*FindDtype(dtype), shape, &size_bytes));
  std::vector<uint8_t> out(size_bytes);
  ElementWriter writer(shape, kName, dtype, out.data());
  for (size_t first = 0; first < values.size(); first += piece) {
    const size_t count = std::min(piece, values.size() - first);
    const absl::Status status = writer.Add({values.data() + first, count});
    EXPECT_TRUE(status.ok()) << status;
  }
  return out;
}

class ElementWriterTest : public ::testing::TestWithParam<uint32_t> {};

// Rows of one and a half groups, of whole groups, and of less than one.
TEST_P(ElementWriterTest, PiecesOfAnySizeGiveTheSameBytes) {
  for (const uint64_t num_columns : {192u, 256u, 7u}) {
    const std::vector<uint64_t> shape = {5, num_columns};
    const std::vector<float> values = Waves(5 * num_columns);
    const std::vector<uint8_t> whole = Written(shape, GetParam(), values, values.size());
    for (const size_t piece : {1u, 3u, 64u, 100u, 128u, 200u}) {
      EXPECT_EQ(Written(shape, GetParam(), values, piece), whole) << num_columns << " columns, pieces of " << piece;
    }
  }
}

TEST_P(ElementWriterTest, ARowDoesNotDependOnTheOthers) {
  const std::vector<float> values = Waves(2 * 200);
  const std::vector<uint8_t> both = Written({2, 200}, GetParam(), values, 150);
  const std::vector<uint8_t> second = Written({1, 200}, GetParam(), {values.begin() + 200, values.end()}, 150);
  EXPECT_TRUE(std::equal(second.begin(), second.end(), both.end() - static_cast<ptrdiff_t>(second.size())));
}

TEST_P(ElementWriterTest, NamesTheElementThatIsTooLarge) {
  if (GetParam() == SKEIN_DTYPE_F32) GTEST_SKIP() << "float32 holds every finite float32";
  std::vector<float> values = Waves(3 * 200);
  values[2 * 200 + 150] = -3.4e38f;
  for (const size_t piece : {1u, 90u, 600u}) {
    std::vector<uint8_t> out(values.size() * sizeof(float));
    const std::vector<uint64_t> shape = {3, 200};
    ElementWriter writer(shape, kName, GetParam(), out.data());
    absl::Status status;
    for (size_t first = 0; first < values.size() && status.ok(); first += piece) {
      status = writer.Add({values.data() + first, std::min(piece, values.size() - first)});
    }
    EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange) << piece;
    EXPECT_THAT(std::string(status.message()), HasSubstr("tensor \"x\": element [2, 150] of [3, 200]: -3.4e+38"));
  }
}

INSTANTIATE_TEST_SUITE_P(Types, ElementWriterTest,
                         ::testing::Values(SKEIN_DTYPE_F32, SKEIN_DTYPE_F16, SKEIN_DTYPE_BF16, SKEIN_DTYPE_Q8,
                                           SKEIN_DTYPE_Q4),
                         [](const auto& test) { return DtypeName(test.param); });

}  // namespace
}  // namespace skein
