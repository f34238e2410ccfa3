// Numbers of 16 bits, bit operations, and the products and loads of a warp, against plain arithmetic.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "cuda_emulator/control.h"
#include "tests/cuda_emulator/device_vector.h"
#include "tests/cuda_emulator/sixteen_bits.h"
#include "tests/cuda_emulator/test_kernels.h"

namespace skein::emulator {
namespace {

float HalfFromBits(unsigned bits) { return __half(__half_raw{static_cast<unsigned short>(bits)}); }
float BfloatFromBits(unsigned bits) { return __nv_bfloat16(__nv_bfloat16_raw{static_cast<unsigned short>(bits)}); }

TEST(SixteenBitsTest, EveryNumberHasItsValueAndComesBack) {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const double half = ValueOf16(bits, 5), bfloat = ValueOf16(bits, 8);
    if (std::isnan(half)) {
      EXPECT_TRUE(std::isnan(HalfFromBits(bits)));
    } else {
      ASSERT_EQ(HalfFromBits(bits), half) << bits;
      ASSERT_EQ(__float2half_rn(static_cast<float>(half)).bits, bits);
    }
    if (std::isnan(bfloat)) {
      EXPECT_TRUE(std::isnan(BfloatFromBits(bits)));
    } else {
      ASSERT_EQ(BfloatFromBits(bits), bfloat) << bits;
      ASSERT_EQ(__float2bfloat16_rn(static_cast<float>(bfloat)).bits, bits);
    }
  }
}

// Half-way between neighbours the even one, else the nearer one: for all pairs of neighbours.
template <typename Round>
void ExpectRoundsToNearestEven(int exponent_bits, const Round& round) {
  const unsigned infinity = ((1u << exponent_bits) - 1) << (15 - exponent_bits);
  for (unsigned bits = 0; bits + 1 < infinity; ++bits) {
    const double low = ValueOf16(bits, exponent_bits), high = ValueOf16(bits + 1, exponent_bits);
    const double middle = (low + high) / 2, quarter = (high - low) / 4;
    ASSERT_EQ(round(middle), bits % 2 == 0 ? bits : bits + 1) << bits;
    ASSERT_EQ(round(middle - quarter), bits);
    ASSERT_EQ(round(middle + quarter), bits + 1);
    ASSERT_EQ(round(-middle), (bits % 2 == 0 ? bits : bits + 1) | 0x8000);
  }
  ASSERT_EQ(round(INFINITY), infinity);
  ASSERT_EQ(round(NAN), 0x7FFFu);
}

TEST(SixteenBitsTest, RoundsToTheNearestAndTiesToEven) {
  ExpectRoundsToNearestEven(5, [](double x) { return __half(x).bits; });
  ExpectRoundsToNearestEven(8, [](double x) { return __nv_bfloat16(x).bits; });
  EXPECT_EQ(__half(65519.0f).bits, 0x7BFFu);
  EXPECT_EQ(__half(65520.0f).bits, 0x7C00u) << "infinity from half-way on";
}

// long double holds products and sums of these exactly where their exponents are near.
TEST(SixteenBitsTest, AMultiplyAddIsRoundedOnce) {
  std::mt19937 random(1);
  for (int i = 0; i < 200000; ++i) {
    const unsigned exponent = 10 + random() % 10;
    const auto draw = [&] { return HalfFromBits((random() & 0x83FF) | (exponent + random() % 6) << 10); };
    const float x = draw(), y = draw(), z = draw();
    const long double exact = static_cast<long double>(x) * y + z;
    ASSERT_EQ(__hfma(__half(x), __half(y), __half(z)).bits, __half(static_cast<double>(exact)).bits) << x << " " << y;
  }
  // The last bit of the product is there for the sum.
  const __half x(1 + 0x1p-9f);
  EXPECT_EQ(float(__hfma(x, x, __half(-1.0f))), 0x1p-8f + 0x1p-18f);
  // Just below half-way between 1025 and 1026: a float would make it a tie, and the even number of it.
  EXPECT_EQ(float(__hfma(__half(1 + 0x1p-10f), __half(0.5f - 0x1p-11f), __half(1025.0f))), 1025);
  // Half-way, and a little that a double has no room for.
  const __nv_bfloat16 y(1 + 0x1p-4f);
  EXPECT_EQ(float(__hfma(y, y, __nv_bfloat16(0x1p-100f))), 1 + 0x1p-3f + 0x1p-7f);
  EXPECT_EQ(float(__hfma(y, y, __nv_bfloat16(0.0f))), 1 + 0x1p-3f);
}

TEST(SixteenBitsTest, PairsAreLowThenHigh) {
  const __half2 pair = __floats2half2_rn(1, -2);
  uint32_t bits;
  std::memcpy(&bits, &pair, sizeof(bits));
  EXPECT_EQ(bits, 0xC0003C00u);
  const float2 both = __half22float2(__hfma2(pair, pair, __floats2half2_rn(0.5f, 0.5f)));
  EXPECT_EQ(both.x, 1.5f);
  EXPECT_EQ(both.y, 4.5f);
  EXPECT_EQ(float(__hsub2(pair, __floats2half2_rn(-2048, 0)).x), 2048) << "2049, rounded to a half";
  EXPECT_EQ(__bfloat162float(__floats2bfloat162_rn(3, 5).y), 5);
}

TEST(BitsTest, OperationsGiveWhatTheGuideSays) {
  EXPECT_EQ(__popc(0xF0F0u), 8);
  EXPECT_EQ(__ffs(0x10), 5);
  EXPECT_EQ(__ffs(0), 0);
  EXPECT_EQ(__clz(1), 31);
  EXPECT_EQ(__clz(0), 32);
  EXPECT_EQ(__brev(1u), 0x80000000u);
  EXPECT_EQ(__byte_perm(0x33221100u, 0x77665544u, 0x7410u), 0x77441100u);
  EXPECT_EQ(__byte_perm(0x80u, 0, 0x8888u), 0xFFFFFFFFu);
  EXPECT_EQ(__dp4a(0x01FF02FE, 0x01010101, 10), 10 + 1 - 1 + 2 - 2);
  EXPECT_EQ(__dp4a(0x01FF02FEu, 0x01010101u, 10u), 10u + 1 + 255 + 2 + 254);
  EXPECT_EQ(__funnelshift_r(0x12345678u, 0x9ABCDEF0u, 8), 0xF0123456u);
  EXPECT_EQ(__umulhi(0x80000000u, 6u), 3u);
  EXPECT_EQ(max(-1, 2), 2);
  EXPECT_EQ(min(NAN, 2.0f), 2.0f);
}

struct ProductShape {
  int depth;
  bool is_half;
};

class ProductTest : public testing::TestWithParam<ProductShape> {};

TEST_P(ProductTest, AgreesWithAPlainProduct) {
  Configure({});
  const auto [depth, is_half] = GetParam();
  std::mt19937 random(7);
  std::uniform_real_distribution<float> distribution(-2, 2);
  const auto draw = [&, half = is_half] {
    const float x = distribution(random);
    return half ? __half(x).bits : __nv_bfloat16(x).bits;
  };
  const auto value = [half = is_half](uint16_t bits) { return half ? HalfFromBits(bits) : BfloatFromBits(bits); };
  std::vector<uint16_t> a(16 * depth), b(depth * 8);
  std::vector<float> d(16 * 8);
  for (uint16_t& x : a) x = draw();
  for (uint16_t& x : b) x = draw();
  for (float& x : d) x = distribution(random);
  const DeviceVector<uint16_t> device_a(a), device_b(b);
  const DeviceVector<float> device_d(d);
  if (depth == 16) {
    Require(
        LaunchOn(nullptr, dim3(1), dim3(32), Product16, device_a.data(), device_b.data(), device_d.data(), is_half));
  } else {
    Require(LaunchOn(nullptr, dim3(1), dim3(32), Product8, device_a.data(), device_b.data(), device_d.data()));
  }
  const std::vector<float> found = device_d.Read();
  for (int row = 0; row < 16; ++row) {
    for (int column = 0; column < 8; ++column) {
      double sum = d[row * 8 + column];
      for (int k = 0; k < depth; ++k) sum += static_cast<double>(value(a[row * depth + k])) * value(b[k * 8 + column]);
      EXPECT_FLOAT_EQ(found[row * 8 + column], static_cast<float>(sum)) << row << ", " << column;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, ProductTest,
                         testing::Values(ProductShape{16, true}, ProductShape{16, false}, ProductShape{8, true}));

TEST(ProductTest, OfTf32TakesTenBitsOfEachNumber) {
  Configure({});
  std::mt19937 random(8);
  std::uniform_real_distribution<float> distribution(-2, 2);
  std::vector<float> a(16 * 8), b(8 * 8), d(16 * 8);
  for (std::vector<float>* values : {&a, &b, &d}) {
    for (float& x : *values) x = distribution(random);
  }
  const DeviceVector<float> device_a(a), device_b(b), device_d(d);
  Require(LaunchOn(nullptr, dim3(1), dim3(32), ProductTf32, device_a.data(), device_b.data(), device_d.data()));
  // Ten bits behind the first one.
  const auto rounded = [](double x) {
    const double unit = std::exp2(std::floor(std::log2(std::abs(x))) - 10);
    return std::round(x / unit) * unit;
  };
  const std::vector<float> found = device_d.Read();
  for (int row = 0; row < 16; ++row) {
    for (int column = 0; column < 8; ++column) {
      double sum = d[row * 8 + column];
      for (int k = 0; k < 8; ++k) sum += rounded(a[row * 8 + k]) * rounded(b[k * 8 + column]);
      EXPECT_FLOAT_EQ(found[row * 8 + column], static_cast<float>(sum)) << row << ", " << column;
    }
  }
}

// Register i of lane l holds two neighbours of row l / 4 of matrix i; transposed: of its column l / 4.
TEST(LoadMatrixTest, LanesGetTheirPairs) {
  Configure({});
  std::vector<uint16_t> in(32 * 8);
  for (size_t i = 0; i < in.size(); ++i) in[i] = static_cast<uint16_t>(i);
  const DeviceVector<uint16_t> device_in(in);
  const DeviceVector<uint32_t> four(8 * 32), two(4 * 32);
  Require(LaunchOn(nullptr, dim3(1), dim3(32), LoadMatrices, device_in.data(), four.data()));
  Require(LaunchOn(nullptr, dim3(1), dim3(32), LoadMatrices2, device_in.data(), two.data()));
  const std::vector<uint32_t> found4 = four.Read(), found2 = two.Read();
  for (unsigned matrix = 0; matrix < 4; ++matrix) {
    const auto element = [matrix](unsigned row, unsigned column) { return matrix * 64 + row * 8 + column; };
    for (unsigned lane = 0; lane < 32; ++lane) {
      const unsigned major = lane / 4, minor = 2 * (lane % 4);
      const unsigned plain = element(major, minor) | element(major, minor + 1) << 16;
      const unsigned transposed = element(minor, major) | element(minor + 1, major) << 16;
      EXPECT_EQ(found4[matrix * 32 + lane], plain) << matrix << " lane " << lane;
      EXPECT_EQ(found4[(4 + matrix) * 32 + lane], transposed) << matrix << " lane " << lane;
      if (matrix >= 2) continue;
      EXPECT_EQ(found2[matrix * 32 + lane], plain);
      EXPECT_EQ(found2[(2 + matrix) * 32 + lane], transposed);
    }
  }
}

}  // namespace
}  // namespace skein::emulator
