// Instructions of one lane, against plain arithmetic and the examples of the PTX manual's rules.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "tests/cuda_emulator/sixteen_bits.h"
#include "types.h"
#include "warp_harness.h"

namespace skein::emulator::ptx {
namespace {

using ::testing::HasSubstr;

// Numbers with every kind of edge, and others.
Words Numbers(uint32_t seed) {
  Words words = {0, 1, 2, 31, 32, 33, 0x7FFFFFFFu, 0x80000000u, 0x80000001u, 0xFFFFFFFFu, 0xFFFF, 0x10000, 0xFF00FF00u};
  std::mt19937 random(seed);
  while (words.size() < kLanes) words.push_back(static_cast<uint32_t>(random()));
  std::shuffle(words.begin(), words.end(), random);
  return words;
}

struct WordCase {
  std::string line;  // of %r32, %r0, %r1 and %r2
  uint32_t (*expected)(uint32_t a, uint32_t b, uint32_t c);
};
int32_t S(uint32_t x) { return static_cast<int32_t>(x); }
uint32_t U(int64_t x) { return static_cast<uint32_t>(x); }
int64_t Wide(uint32_t a, uint32_t b) { return int64_t{S(a)} * S(b); }

const WordCase kWordCases[] = {
    {"add.s32 %r32, %r0, %r1;", [](uint32_t a, uint32_t b, uint32_t) { return a + b; }},
    {"sub.s32 %r32, %r0, %r1;", [](uint32_t a, uint32_t b, uint32_t) { return a - b; }},
    {"mul.lo.s32 %r32, %r0, %r1;", [](uint32_t a, uint32_t b, uint32_t) { return a * b; }},
    {"mul.hi.u32 %r32, %r0, %r1;", [](uint32_t a, uint32_t b, uint32_t) { return U(int64_t(uint64_t{a} * b >> 32)); }},
    {"mul.hi.s32 %r32, %r0, %r1;", [](uint32_t a, uint32_t b, uint32_t) { return U(Wide(a, b) >> 32); }},
    {"mad.lo.s32 %r32, %r0, %r1, %r2;", [](uint32_t a, uint32_t b, uint32_t c) { return a * b + c; }},
    {"min.s32 %r32, %r0, %r1;", [](uint32_t a, uint32_t b, uint32_t) { return S(a) < S(b) ? a : b; }},
    {"max.u32 %r32, %r0, %r1;", [](uint32_t a, uint32_t b, uint32_t) { return a > b ? a : b; }},
    {"neg.s32 %r32, %r0;", [](uint32_t a, uint32_t, uint32_t) { return 0 - a; }},
    {"abs.s32 %r32, %r0;", [](uint32_t a, uint32_t, uint32_t) { return S(a) < 0 ? 0 - a : a; }},
    {"shl.b32 %r32, %r0, %r1;", [](uint32_t a, uint32_t b, uint32_t) { return b > 31 ? 0 : a << b; }},
    {"shr.u32 %r32, %r0, %r1;", [](uint32_t a, uint32_t b, uint32_t) { return b > 31 ? 0 : a >> b; }},
    {"shr.s32 %r32, %r0, %r1;", [](uint32_t a, uint32_t b, uint32_t) { return U(S(a) >> (b > 31 ? 31 : b)); }},
    {"shf.l.wrap.b32 %r32, %r0, %r1, %r2;",
     [](uint32_t a, uint32_t b, uint32_t c) { return c % 32 == 0 ? b : b << c % 32 | a >> (32 - c % 32); }},
    {"shf.r.wrap.b32 %r32, %r0, %r1, %r2;",
     [](uint32_t a, uint32_t b, uint32_t c) { return c % 32 == 0 ? a : a >> c % 32 | b << (32 - c % 32); }},
    {"popc.b32 %r32, %r0;", [](uint32_t a, uint32_t, uint32_t) { return U(__builtin_popcount(a)); }},
    {"clz.b32 %r32, %r0;", [](uint32_t a, uint32_t, uint32_t) { return a == 0 ? 32u : U(__builtin_clz(a)); }},
    {"bfind.u32 %r32, %r0;", [](uint32_t a, uint32_t, uint32_t) { return a == 0 ? ~0u : 31 - U(__builtin_clz(a)); }},
    {"bfind.shiftamt.u32 %r32, %r0;",
     [](uint32_t a, uint32_t, uint32_t) { return a == 0 ? ~0u : U(__builtin_clz(a)); }},
    {"bfe.u32 %r32, %r0, 5, 7;", [](uint32_t a, uint32_t, uint32_t) { return a >> 5 & 0x7F; }},
    {"bfe.s32 %r32, %r0, 28, 9;", [](uint32_t a, uint32_t, uint32_t) { return U(S(a) >> 28); }},
    {"bfi.b32 %r32, %r0, %r1, 8, 5;",
     [](uint32_t a, uint32_t b, uint32_t) { return (b & ~0x1F00u) | (a & 0x1F) << 8; }},
    {"bfi.b32 %r32, %r0, %r1, 24, 8;", [](uint32_t a, uint32_t b, uint32_t) { return (b & 0xFFFFFFu) | a << 24; }},
    {"lop3.b32 %r32, %r0, %r1, %r2, 0xEA;", [](uint32_t a, uint32_t b, uint32_t c) { return (a & b) | c; }},
    {"lop3.b32 %r32, %r0, %r1, %r2, 0xD8;", [](uint32_t a, uint32_t b, uint32_t c) { return (a & ~c) | (b & c); }},
    {"lop3.b32 %r32, %r0, %r1, %r2, 0x96;", [](uint32_t a, uint32_t b, uint32_t c) { return a ^ b ^ c; }},
    {"prmt.b32 %r32, %r0, %r1, 0x5410;", [](uint32_t a, uint32_t b, uint32_t) { return (a & 0xFFFF) | b << 16; }},
    {"prmt.b32 %r32, %r0, %r1, 0x7632;", [](uint32_t a, uint32_t b, uint32_t) { return a >> 16 | (b & 0xFFFF0000u); }},
    {"prmt.b32 %r32, %r0, %r1, 0x8880;",
     [](uint32_t a, uint32_t, uint32_t) { return (a & 0xFF) | (a & 0x80 ? 0xFFFFFF00u : 0); }},
    {"dp4a.s32.s32 %r32, %r0, %r1, %r2;",
     [](uint32_t a, uint32_t b, uint32_t c) {
       for (int i = 0; i < 32; i += 8) c += U(int8_t(a >> i) * int8_t(b >> i));
       return c;
     }},
    {"setp.lt.s32 %p0, %r0, %r1; selp.b32 %r32, %r0, %r2, %p0;",
     [](uint32_t a, uint32_t b, uint32_t c) { return S(a) < S(b) ? a : c; }},
    {"setp.ge.u32 %p1, %r0, %r2; setp.lt.or.u32 %p0, %r0, %r1, %p1; selp.u32 %r32, 1, 0, %p0;",
     [](uint32_t a, uint32_t b, uint32_t c) { return U(a < b || a >= c); }},
    {"setp.eq.s32 %p0, %r0, 32; @!%p0 mov.u32 %r0, 7; mov.u32 %r32, %r0;",
     [](uint32_t a, uint32_t, uint32_t) { return a == 32 ? a : 7; }},
    {"cvt.u16.u32 %h0, %r0; cvt.s16.s8 %h1, %h0; cvt.s32.s16 %r32, %h1;",
     [](uint32_t a, uint32_t, uint32_t) { return U(int8_t(a)); }},
    {"cvt.u64.u32 %d0, %r0; shl.b64 %d0, %d0, 4; shr.u64 %d0, %d0, 32; cvt.u32.u64 %r32, %d0;",
     [](uint32_t a, uint32_t, uint32_t) { return a >> 28; }},
    {"mul.wide.u32 %d0, %r0, %r1; mov.b64 {%r3, %r32}, %d0;",
     [](uint32_t a, uint32_t b, uint32_t) { return U(int64_t(uint64_t{a} * b >> 32)); }},
    {"mov.b64 %d0, {%r0, %r1}; shr.u64 %d0, %d0, 16; cvt.u32.u64 %r32, %d0;",
     [](uint32_t a, uint32_t b, uint32_t) { return a >> 16 | b << 16; }},
};

TEST(PtxIntegerTest, EachInstructionGivesWhatItsWordsSay) {
  for (const WordCase& c : kWordCases) {
    for (uint32_t seed = 0; seed < 8; ++seed) {
      const std::vector<Words> in = {Numbers(3 * seed), Numbers(3 * seed + 1), Numbers(3 * seed + 2)};
      const Words out = RunLines({.body = c.line, .in = in})[0];
      for (uint32_t lane = 0; lane < kLanes; ++lane) {
        ASSERT_EQ(out[lane], c.expected(in[0][lane], in[1][lane], in[2][lane]))
            << c.line << " of " << in[0][lane] << ", " << in[1][lane] << ", " << in[2][lane];
      }
    }
  }
}

// The manual builds tables from what the operation gives of 0xF0, 0xCC and 0xAA.
TEST(PtxIntegerTest, ATableOfLogicIsWhatTheOperationGivesOfThreeConstants) {
  for (uint32_t table = 0; table < 256; ++table) {
    const std::string body = "lop3.b32 %r32, 0xF0, 0xCC, 0xAA, " + std::to_string(table) + ";";
    ASSERT_EQ(RunLines({.body = body})[0][0] & 0xFF, table);
  }
}

const std::vector<float> kFloats = {
    0.0f,       -0.0f,     1.0f,      -1.0f, 1.5f,          0x1p-126f,      0x1p-149f,     3e38f,
    -3e38f,     INFINITY,  -INFINITY, NAN,   0x1.000002p0f, 0x1.FFFFFEp0f,  0.1f,          -0.1f,
    65504.0f,   65519.9f,  65520.0f,  1e-8f, 0x1p-24f,      0x1p-25f,       0x1.8p-25f,    0x1.004p0f,
    0x1.00Cp0f, 0x1.01p0f, 0x1.03p0f, 1e10f, 2147483648.0f, -2147483904.0f, 4294967296.0f, 0.5f};

Words Results(const std::string& body, const std::vector<std::vector<float>>& in) {
  std::vector<Words> words;
  for (const auto& floats : in) words.push_back(OfFloats(floats));
  std::string moves;
  for (size_t i = 0; i < in.size(); ++i) {
    moves += "mov.b32 %f" + std::to_string(i) + ", %r" + std::to_string(i) + ";\n";
  }
  return RunLines({.body = moves + body, .in = words})[0];
}
std::vector<float> Turned(const std::vector<float>& floats, size_t by) {
  std::vector<float> turned(floats);
  std::rotate(turned.begin(), turned.begin() + static_cast<std::ptrdiff_t>(by), turned.end());
  return turned;
}

TEST(PtxFloatTest, RoundingsOfASumAreTheNeighboursOfIt) {
  for (size_t by = 1; by < kLanes; by += 3) {
    const std::vector<float> a = kFloats, b = Turned(kFloats, by);
    for (const std::string mode : {"rn", "rz", "rm", "rp"}) {
      const Words out = Results("add." + mode + ".f32 %f2, %f0, %f1; mov.b32 %r32, %f2;", {a, b});
      for (uint32_t lane = 0; lane < kLanes; ++lane) {
        const double exact = static_cast<double>(a[lane]) + static_cast<double>(b[lane]);
        // A double does not hold every sum.
        const bool is_exact = exact - static_cast<double>(a[lane]) == static_cast<double>(b[lane]) &&
                              exact - static_cast<double>(b[lane]) == static_cast<double>(a[lane]);
        if (!is_exact || !std::isfinite(exact)) continue;
        const float nearest = static_cast<float>(exact);
        const float down = nearest > exact ? std::nextafter(nearest, -INFINITY) : nearest;
        const float up = nearest < exact ? std::nextafter(nearest, INFINITY) : nearest;
        const float expected = mode == "rn"   ? nearest
                               : mode == "rm" ? down
                               : mode == "rp" ? up
                                              : (exact > 0 ? down : up);
        EXPECT_EQ(AsFloat(out[lane]), expected) << mode << " of " << a[lane] << " + " << b[lane];
      }
    }
  }
}

TEST(PtxFloatTest, AProductIsAddedBeforeItIsRounded) {
  // 1 + 2^-23 squared is 1 + 2^-22 + 2^-46.
  const std::string body =
      "mov.f32 %f0, 0f3F800001; mov.f32 %f1, 0fBF800002; fma.rn.f32 %f2, %f0, %f0, %f1;"
      "mov.b32 %r32, %f2;";
  EXPECT_EQ(AsFloat(RunLines({.body = body})[0][0]), 0x1p-46f);
}

// 1 + 2^-23 squared is 1 + 2^-22 + 2^-46, of which the product alone loses the last part.
TEST(PtxFusionTest, ASumOfAProductIsRoundedOnceWhereThatIsAskedFor) {
  const std::string product = "mov.f32 %f0, 0f3F800001; mov.f32 %f1, 0f3F800002; mul.f32 %f2, %f0, %f0;";
  const auto of = [&](const std::string& line, Products products) {
    return AsFloat(RunLines({.body = product + line + "mov.b32 %r32, %f3;", .products = products})[0][0]);
  };
  EXPECT_EQ(of("sub.f32 %f3, %f2, %f1;", Products::kApart), 0);
  EXPECT_EQ(of("sub.f32 %f3, %f2, %f1;", Products::kFused), 0x1p-46f);
  EXPECT_EQ(of("sub.f32 %f3, %f1, %f2;", Products::kFused), -0x1p-46f);
  EXPECT_EQ(of("neg.f32 %f1, %f1; add.f32 %f3, %f1, %f2;", Products::kFused), 0x1p-46f);
  // A rounding in the name forbids it, and so does a product that may be of an earlier turn.
  EXPECT_EQ(of("sub.rn.f32 %f3, %f2, %f1;", Products::kFused), 0);
  EXPECT_EQ(of("here: sub.f32 %f3, %f2, %f1;", Products::kFused), 0);
  EXPECT_EQ(of("mov.f32 %f2, %f1; sub.f32 %f3, %f2, %f1;", Products::kFused), 0);
}

TEST(PtxFloatTest, MinAndMaxPassNaNsOverAndKnowTheSignOfZero) {
  const auto of = [](const std::string& name, float a, float b) {
    return AsFloat(Results(name + ".f32 %f2, %f0, %f1; mov.b32 %r32, %f2;",
                           {std::vector<float>(kLanes, a), std::vector<float>(kLanes, b)})[0]);
  };
  EXPECT_EQ(of("min", NAN, 2), 2);
  EXPECT_EQ(of("max", 2, NAN), 2);
  EXPECT_TRUE(std::isnan(of("max", NAN, NAN)));
  EXPECT_TRUE(std::signbit(of("min", 0.0f, -0.0f)));
  EXPECT_FALSE(std::signbit(of("max", -0.0f, 0.0f)));
  EXPECT_EQ(of("copysign", -1.0f, 3.0f), -3.0f) << "the sign of the first, the rest of the second";
}

TEST(PtxConversionTest, EveryNumberOf16BitsHasItsValueAndComesBack) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const Half half{std::bit_cast<Half>(static_cast<uint16_t>(bits))};
    const Bf16 bf16{std::bit_cast<Bf16>(static_cast<uint16_t>(bits))};
    const double as_half = ValueOf16(bits, 5), as_bf16 = ValueOf16(bits, 8);
    if (!std::isnan(as_half)) {
      ASSERT_EQ(static_cast<double>(half), as_half) << bits;
      ASSERT_EQ(Half(static_cast<float>(half)).bits, bits);
      ASSERT_EQ(Half(as_half).bits, bits);
    }
    if (!std::isnan(as_bf16)) {
      ASSERT_EQ(static_cast<double>(bf16), as_bf16) << bits;
      ASSERT_EQ(Bf16(static_cast<float>(bf16)).bits, bits);
      ASSERT_EQ(Bf16(as_bf16).bits, bits);
    }
  }
}

template <typename T>
void ExpectNearestEven(int exponent_bits) {
  const uint32_t infinity = ((1u << exponent_bits) - 1) << (15 - exponent_bits);
  for (uint32_t bits = 0; bits + 1 < infinity; ++bits) {
    const double low = ValueOf16(bits, exponent_bits), high = ValueOf16(bits + 1, exponent_bits);
    const double middle = (low + high) / 2, quarter = (high - low) / 4;
    for (const double x : {middle - quarter, middle, middle + quarter}) {
      const uint32_t expected = x < middle || (x == middle && bits % 2 == 0) ? bits : bits + 1;
      ASSERT_EQ(T(x).bits, expected) << x;
      if (static_cast<double>(static_cast<float>(x)) == x) {
        ASSERT_EQ(T(static_cast<float>(x)).bits, expected) << x;
        ASSERT_EQ(T(static_cast<float>(-x)).bits, expected | 0x8000) << x;
      }
    }
  }
}
TEST(PtxConversionTest, HalvesRoundToTheNearestTiesToEven) { ExpectNearestEven<Half>(5); }
TEST(PtxConversionTest, Bf16RoundToTheNearestTiesToEven) { ExpectNearestEven<Bf16>(8); }

TEST(PtxConversionTest, OfAPairTheFirstGoesToTheUpperHalf) {
  const Words out =
      Results("cvt.rn.f16x2.f32 %r32, %f0, %f1;", {std::vector<float>(kLanes, 1.0f), std::vector<float>(kLanes, 2.0f)});
  EXPECT_EQ(out[0], 0x3C004000u);
  EXPECT_EQ(Results("cvt.rn.bf16x2.f32 %r32, %f0, %f1;",
                    {std::vector<float>(kLanes, 1.0f), std::vector<float>(kLanes, 2.0f)})[0],
            0x3F804000u);
}

TEST(PtxConversionTest, Tf32RoundsToTheNearestTiesAwayFromZero) {
  std::vector<float> in(kLanes, 1.0f);
  in[1] = 0x1.002p0f;     // half of the last place
  in[2] = 0x1.001FFEp0f;  // less
  in[3] = -0x1.002p0f;
  in[4] = 0x1.006p0f;
  const Words out = Results("cvt.rna.tf32.f32 %r32, %f0;", {in});
  EXPECT_EQ(AsFloat(out[0]), 1.0f);
  EXPECT_EQ(AsFloat(out[1]), 0x1.004p0f);
  EXPECT_EQ(AsFloat(out[2]), 1.0f);
  EXPECT_EQ(AsFloat(out[3]), -0x1.004p0f);
  EXPECT_EQ(AsFloat(out[4]), 0x1.008p0f);
}

TEST(PtxConversionTest, IntegersStayWithinTheirRange) {
  std::vector<float> in(kLanes, 0.0f);
  in[1] = 3e9f;
  in[2] = -3e9f;
  in[3] = NAN;
  in[4] = -1.75f;
  const Words out = Results("cvt.rzi.s32.f32 %r32, %f0;", {in});
  EXPECT_EQ(out[1], 0x7FFFFFFFu);
  EXPECT_EQ(out[2], 0x80000000u);
  EXPECT_EQ(out[3], 0u);
  EXPECT_EQ(S(out[4]), -1);
  EXPECT_EQ(Results("cvt.rmi.f32.f32 %f1, %f0; mov.b32 %r32, %f1;", {in})[4], std::bit_cast<uint32_t>(-2.0f));
  EXPECT_EQ(AsFloat(Results("cvt.sat.f32.f32 %f1, %f0; mov.b32 %r32, %f1;", {in})[1]), 1.0f);
  EXPECT_EQ(AsFloat(Results("cvt.sat.f32.f32 %f1, %f0; mov.b32 %r32, %f1;", {in})[3]), 0.0f) << "a NaN";
}

TEST(PtxFloatTest, PairsOf16BitsRoundOnce) {
  // 1 - 2^-9 is half-way between 1 and the number below it, which is odd.
  EXPECT_EQ(RunLines({.body = "mov.u32 %r0, 0x3F803F80; mov.u32 %r1, 0x3B003B00; sub.bf16x2 %r32, %r0, %r1;"})[0][0],
            0x3F803F80u);
  // (1 + 2^-7)^2 + 2^-8 lies 2^-14 above half-way between 1 + 2^-6, which is even, and the next number.
  EXPECT_EQ(
      RunLines({.body = "mov.u32 %r0, 0x3F813F81; mov.u32 %r1, 0x3B803B80; fma.rn.bf16x2 %r32, %r0, %r0, %r1;"})[0][0],
      0x3F833F83u);
}

struct ApproximationCase {
  std::string opcode;
  double (*exact)(double);
  double low, high, bound;
};
const ApproximationCase kApproximations[] = {
    {"ex2.approx.ftz.f32", [](double x) { return std::exp2(x); }, -120, 120, 0x1p-22},
    {"lg2.approx.f32", [](double x) { return std::log2(x); }, 3, 1000, 0x1p-22},
    {"rcp.approx.ftz.f32", [](double x) { return 1 / x; }, 0.01, 100, 0x1p-23},
    {"rsqrt.approx.f32", [](double x) { return 1 / std::sqrt(x); }, 0.01, 100, 0x1p-22},
};

TEST(PtxFloatTest, ApproximationsAreOffWithinTheirBoundAndAlwaysTheSame) {
  for (const ApproximationCase& c : kApproximations) {
    std::mt19937 random(1);
    std::uniform_real_distribution<float> numbers(static_cast<float>(c.low), static_cast<float>(c.high));
    size_t num_off = 0;
    for (int i = 0; i < 50; ++i) {
      std::vector<float> in(kLanes);
      for (float& x : in) x = numbers(random);
      const Words out = Results(c.opcode + " %f1, %f0; mov.b32 %r32, %f1;", {in});
      EXPECT_EQ(out, Results(c.opcode + " %f1, %f0; mov.b32 %r32, %f1;", {in}));
      for (uint32_t lane = 0; lane < kLanes; ++lane) {
        const double exact = c.exact(static_cast<double>(in[lane]));
        ASSERT_NEAR(AsFloat(out[lane]), exact, c.bound * std::fabs(exact)) << c.opcode << " " << in[lane];
        num_off += AsFloat(out[lane]) != static_cast<float>(exact);
      }
    }
    EXPECT_GT(num_off, 100u) << c.opcode;
  }
}

TEST(PtxLoadTest, WhatIsNotKnownIsNamedWithItsLine) {
  EXPECT_THAT(FaultOf({.body = "frobnicate.b32 %r32, %r0;"}),
              HasSubstr("lines:9: frobnicate.b32: no such instruction"));
  EXPECT_THAT(FaultOf({.body = "add.sat.s32 %r32, %r0, %r1;"}), HasSubstr("\".sat\" is not known here"));
  EXPECT_THAT(FaultOf({.body = "add.ftz.f32 %f0, %f1, %f2;"}), HasSubstr("\".ftz\" is not known here"));
  EXPECT_THAT(FaultOf({.body = "add.s32 %r32, %r0;"}), HasSubstr("2 operands; expected 3"));
  EXPECT_THAT(FaultOf({.body = "add.s32 %r32, %r0, %d0;"}), HasSubstr("register %d0 of type b64; expected s32"));
  EXPECT_THAT(FaultOf({.body = "add.s32 %r32, %r0, %r64;"}), HasSubstr("no register or variable \"%r64\""));
  EXPECT_THAT(FaultOf({.body = "bra nowhere;"}), HasSubstr("no label \"nowhere\""));
  EXPECT_THAT(FaultOf({.body = "ld.const.u32 %r32, [%d0];"}), HasSubstr("constant memory: not known"));
  EXPECT_THAT(FaultOf({.body = "mma.sync.aligned.m8n8k4.row.col.f32.f16.f16.f32 {%f0}, {%r0}, {%r1}, {%f1};"}),
              HasSubstr("this product is not known"));
  EXPECT_THAT(FaultOf({.body = "", .declarations = ".weird .b32 x;"}), HasSubstr("\".weird\" in a kernel: not known"));
}

}  // namespace
}  // namespace skein::emulator::ptx
