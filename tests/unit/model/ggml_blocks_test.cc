#include "model/ggml_blocks.h"

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"
#include "model/convert_dtype.h"
#include "model/tensor.h"
#include "skein/dtype.h"
#include "tests/unit/model/ggml_blocks_expected.h"

namespace skein {
namespace {

constexpr uint8_t kHalf[2] = {0x00, 0x38};        // 0.5
constexpr uint8_t kMinusThree[2] = {0x00, 0xC2};  // -3.0

// 16 bytes: byte j has low nibble j and high nibble 15 - j.
void AppendNibbles(std::vector<uint8_t>* block) {
  for (int j = 0; j < 16; ++j) block->push_back(static_cast<uint8_t>(j | (15 - j) << 4));
}

std::vector<float> Dequantize(uint32_t dtype, const std::vector<uint8_t>& block) {
  std::vector<float> out(kGgmlBlockElements);
  DequantizeGgmlBlock(dtype, block.data(), out.data());
  return out;
}

TEST(GgmlBlocksTest, Q4_0IsScaleTimesCodeMinusEight) {
  std::vector<uint8_t> block(kHalf, kHalf + 2);
  AppendNibbles(&block);
  ASSERT_EQ(block.size(), 18u);
  const std::vector<float> out = Dequantize(SKEIN_DTYPE_GGML_Q4_0, block);
  for (int j = 0; j < 16; ++j) {
    EXPECT_EQ(out[j], 0.5f * (j - 8)) << j;
    EXPECT_EQ(out[j + 16], 0.5f * (15 - j - 8)) << j;
  }
}

TEST(GgmlBlocksTest, Q4_1IsScaleTimesCodePlusOffset) {
  std::vector<uint8_t> block(kHalf, kHalf + 2);
  block.insert(block.end(), kMinusThree, kMinusThree + 2);
  AppendNibbles(&block);
  ASSERT_EQ(block.size(), 20u);
  const std::vector<float> out = Dequantize(SKEIN_DTYPE_GGML_Q4_1, block);
  for (int j = 0; j < 16; ++j) {
    EXPECT_EQ(out[j], 0.5f * j - 3) << j;
    EXPECT_EQ(out[j + 16], 0.5f * (15 - j) - 3) << j;
  }
}

// Fifth bits of values 0, 2 and 31.
constexpr uint8_t kFifthBits[4] = {0x05, 0x00, 0x00, 0x80};
int FifthBit(int j) { return j == 0 || j == 2 || j == 31 ? 16 : 0; }

TEST(GgmlBlocksTest, Q5_0TakesItsFifthBitsFromTheWordBeforeTheNibbles) {
  std::vector<uint8_t> block(kHalf, kHalf + 2);
  block.insert(block.end(), kFifthBits, kFifthBits + 4);
  AppendNibbles(&block);
  ASSERT_EQ(block.size(), 22u);
  const std::vector<float> out = Dequantize(SKEIN_DTYPE_GGML_Q5_0, block);
  for (int j = 0; j < 16; ++j) {
    EXPECT_EQ(out[j], 0.5f * (j + FifthBit(j) - 16)) << j;
    EXPECT_EQ(out[j + 16], 0.5f * (15 - j + FifthBit(j + 16) - 16)) << j;
  }
}

TEST(GgmlBlocksTest, Q5_1HasScaleOffsetAndFifthBits) {
  std::vector<uint8_t> block(kHalf, kHalf + 2);
  block.insert(block.end(), kMinusThree, kMinusThree + 2);
  block.insert(block.end(), kFifthBits, kFifthBits + 4);
  AppendNibbles(&block);
  ASSERT_EQ(block.size(), 24u);
  const std::vector<float> out = Dequantize(SKEIN_DTYPE_GGML_Q5_1, block);
  for (int j = 0; j < 16; ++j) {
    EXPECT_EQ(out[j], 0.5f * (j + FifthBit(j)) - 3) << j;
    EXPECT_EQ(out[j + 16], 0.5f * (15 - j + FifthBit(j + 16)) - 3) << j;
  }
}

TEST(GgmlBlocksTest, Q8_0IsScaleTimesSignedByte) {
  std::vector<uint8_t> block(kHalf, kHalf + 2);
  for (int j = 0; j < 32; ++j) block.push_back(static_cast<uint8_t>(static_cast<int8_t>(8 * j - 128)));
  ASSERT_EQ(block.size(), 34u);
  const std::vector<float> out = Dequantize(SKEIN_DTYPE_GGML_Q8_0, block);
  for (int j = 0; j < 32; ++j) EXPECT_EQ(out[j], 0.5f * (8 * j - 128)) << j;
}

TEST(GgmlBlocksTest, ARunOfBlocksStartsAtAnyBlock) {
  std::vector<uint8_t> blocks(2 * 34, 0);
  blocks[34] = kHalf[0];
  blocks[35] = kHalf[1];
  blocks[36] = 6;
  float out[kGgmlBlockElements];
  ToF32(SKEIN_DTYPE_GGML_Q8_0, blocks.data(), 32, 32, out);
  EXPECT_EQ(out[0], 3.0f);
  EXPECT_EQ(out[1], 0.0f);
}

class GgmlBlockOfEachTypeTest : public ::testing::TestWithParam<testing::ExpectedBlock> {};

TEST_P(GgmlBlockOfEachTypeTest, HasTheSizeOfTheTypeAndTheValuesThatGgmlComputes) {
  const testing::ExpectedBlock& expected = GetParam();
  const DtypeInfo* info = FindDtype(expected.dtype);
  ASSERT_NE(info, nullptr);
  ASSERT_EQ(info->block_bytes, expected.block.size());
  ASSERT_EQ(info->block_elements, expected.values.size());
  std::vector<uint8_t> unaligned(1 + expected.block.size());
  std::copy(expected.block.begin(), expected.block.end(), unaligned.begin() + 1);
  std::vector<float> out(expected.values.size());
  DequantizeGgmlBlock(expected.dtype, unaligned.data() + 1, out.data());
  EXPECT_EQ(out, expected.values);
}

INSTANTIATE_TEST_SUITE_P(Each, GgmlBlockOfEachTypeTest, ::testing::ValuesIn(testing::kExpectedBlocks),
                         [](const auto& test) { return test.param.name; });

TEST(GgmlBlocksTest, ARunOfKBlocksStartsAtAnyBlock) {
  const testing::ExpectedBlock& q6 = testing::kExpectedBlocks[7];
  std::vector<uint8_t> blocks(q6.block.size(), 0);
  blocks.insert(blocks.end(), q6.block.begin(), q6.block.end());
  std::vector<float> out(kGgmlKBlockElements);
  ToF32(q6.dtype, blocks.data(), kGgmlKBlockElements, kGgmlKBlockElements, out.data());
  EXPECT_EQ(out, q6.values);
}

}  // namespace
}  // namespace skein
