#include "model/ggml_blocks.h"

#include <algorithm>
#include <cmath>
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

// --- the younger types: blocks are packed here as their quantisers pack them, code by code, and compared with the
// formula of the type over the codes ---

std::vector<float> DequantizeLong(uint32_t dtype, const std::vector<uint8_t>& block) {
  EXPECT_EQ(FindDtype(dtype)->block_bytes, block.size());
  EXPECT_EQ(FindDtype(dtype)->block_elements, kGgmlKBlockElements);
  std::vector<float> out(kGgmlKBlockElements);
  DequantizeGgmlBlock(dtype, block.data(), out.data());
  return out;
}

// Numbers that differ from place to place, below `limit`.
uint32_t Number(size_t i, uint32_t limit) { return static_cast<uint32_t>(i * 2654435761u >> 7) % limit; }

constexpr float kD = 0.5f;
constexpr float kM = -3.0f;

// Value 128 h + 32 q + j has bits 2q and 2q + 1 of byte 32 h + j.
void PackPairs(const std::vector<uint32_t>& pairs, uint8_t* bytes) {
  for (size_t i = 0; i < pairs.size(); ++i) {
    bytes[i / 128 * 32 + i % 32] |= static_cast<uint8_t>(pairs[i] << (i % 128 / 32 * 2));
  }
}

TEST(GgmlBlocksTest, Q2_KHasAScaleAndAnOffsetForEachSixteenCodesOfTwoBits) {
  std::vector<uint8_t> block(84);
  std::vector<uint32_t> codes(256);
  for (size_t i = 0; i < 256; ++i) codes[i] = Number(i, 4);
  for (size_t s = 0; s < 16; ++s) block[s] = static_cast<uint8_t>(Number(s, 16) | Number(s + 99, 16) << 4);
  PackPairs(codes, &block[16]);
  std::copy(kHalf, kHalf + 2, &block[80]);
  std::copy(kMinusThree, kMinusThree + 2, &block[82]);
  const std::vector<float> out = DequantizeLong(SKEIN_DTYPE_GGML_Q2_K, block);
  for (size_t i = 0; i < 256; ++i) {
    const float scale = kD * static_cast<float>(Number(i / 16, 16));
    const float offset = kM * static_cast<float>(Number(i / 16 + 99, 16));
    EXPECT_EQ(out[i], scale * static_cast<float>(codes[i]) - offset) << i;
  }
}

TEST(GgmlBlocksTest, Q3_KHasASignedScaleForEachSixteenCodesOfThreeBits) {
  std::vector<uint8_t> block(110);
  std::vector<uint32_t> pairs(256);
  for (size_t i = 0; i < 256; ++i) {
    const uint32_t code = Number(i, 8);
    pairs[i] = code % 4;
    block[i % 32] |= static_cast<uint8_t>(code / 4 << (i / 32));
  }
  PackPairs(pairs, &block[32]);
  for (size_t s = 0; s < 16; ++s) {
    const uint32_t scale = Number(s + 7, 64);
    block[96 + s % 8] |= static_cast<uint8_t>(scale % 16 << (s < 8 ? 0 : 4));
    block[96 + 8 + s % 4] |= static_cast<uint8_t>(scale / 16 << (s / 4 * 2));
  }
  std::copy(kHalf, kHalf + 2, &block[108]);
  const std::vector<float> out = DequantizeLong(SKEIN_DTYPE_GGML_Q3_K, block);
  for (size_t i = 0; i < 256; ++i) {
    const int scale = static_cast<int>(Number(i / 16 + 7, 64)) - 32;
    EXPECT_EQ(out[i], kD * static_cast<float>(scale * (static_cast<int>(Number(i, 8)) - 4))) << i;
  }
}

constexpr int kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

TEST(GgmlBlocksTest, Iq4NlIsScaleTimesAValueOfItsTable) {
  std::vector<uint8_t> block(kHalf, kHalf + 2);
  AppendNibbles(&block);
  ASSERT_EQ(block.size(), FindDtype(SKEIN_DTYPE_GGML_IQ4_NL)->block_bytes);
  const std::vector<float> out = Dequantize(SKEIN_DTYPE_GGML_IQ4_NL, block);
  for (int j = 0; j < 16; ++j) {
    EXPECT_EQ(out[j], 0.5f * static_cast<float>(kIq4Values[j])) << j;
    EXPECT_EQ(out[j + 16], 0.5f * static_cast<float>(kIq4Values[15 - j])) << j;
  }
}

TEST(GgmlBlocksTest, Iq4XsHasASignedScaleForEachThirtyTwoValuesOfTheTable) {
  std::vector<uint8_t> block(136);
  std::copy(kHalf, kHalf + 2, block.data());
  for (size_t s = 0; s < 8; ++s) {
    const uint32_t scale = Number(s + 3, 64);
    block[2 + s / 4] |= static_cast<uint8_t>(scale / 16 << (s % 4 * 2));
    block[4 + s / 2] |= static_cast<uint8_t>(scale % 16 << (s % 2 * 4));
  }
  for (size_t i = 0; i < 256; ++i) {
    block[8 + i / 32 * 16 + i % 16] |= static_cast<uint8_t>(Number(i, 16) << (i % 32 < 16 ? 0 : 4));
  }
  const std::vector<float> out = DequantizeLong(SKEIN_DTYPE_GGML_IQ4_XS, block);
  for (size_t i = 0; i < 256; ++i) {
    const int scale = static_cast<int>(Number(i / 32 + 3, 64)) - 32;
    EXPECT_EQ(out[i], kD * static_cast<float>(scale * kIq4Values[Number(i, 16)])) << i;
  }
}

TEST(GgmlBlocksTest, Mxfp4IsAPowerOfTwoTimesAFloatOfFourBits) {
  constexpr float kE2M1[8] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
  for (const int exponent : {0, 1, 2, 100, 127, 128, 250}) {
    std::vector<uint8_t> block = {static_cast<uint8_t>(exponent)};
    AppendNibbles(&block);
    ASSERT_EQ(block.size(), FindDtype(SKEIN_DTYPE_GGML_MXFP4)->block_bytes);
    const std::vector<float> out = Dequantize(SKEIN_DTYPE_GGML_MXFP4, block);
    const auto value = [&](int code) { return std::ldexp(code < 8 ? kE2M1[code] : -kE2M1[code - 8], exponent - 127); };
    for (int j = 0; j < 16; ++j) {
      EXPECT_EQ(out[j], value(j)) << exponent << " " << j;
      EXPECT_EQ(out[j + 16], value(15 - j)) << exponent << " " << j;
    }
  }
}

}  // namespace
}  // namespace skein
