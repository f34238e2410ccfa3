// The sums of the hottest kernels are in registers. gcc 12 can move them to the stack without a word, at half the speed
// or less. Rates are taken against a loop of fused multiplications in the same moment, so that neither clock nor
// neighbours matter. Where even that loop has no steady rate, the test says so and skips.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <vector>

#include "host/weight_arena.h"
#include "onednn/cpu.h"
#include "onednn/kernels/panel_bf16.h"
#include "onednn/kernels/panel_int8.h"
#include "onednn/kernels/panel_kernels.h"
#include "onednn/packed_matrix.h"
#include "onednn/prepared_input.h"
#include "tests/conformance/test_host.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace skein::onednn {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsInstrumented = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kIsInstrumented = true;
#else
constexpr bool kIsInstrumented = false;
#endif
#else
constexpr bool kIsInstrumented = false;
#endif

constexpr uint32_t kInputs = 1024, kRows = 48;  // whole blocks of 6 rows; everything stays in the second-level cache

// Of the thread's own processor time.
double Now() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Operations (a multiplication and an addition are two) of `count` rounds of 20 independent fused multiplications.
__attribute__((target("avx512f"))) double FusedMultiplications(uint64_t count) {
  __m512 sums[20];
#pragma GCC unroll 20
  for (auto& sum : sums) sum = _mm512_set1_ps(1.0f);
  const __m512 factor = _mm512_set1_ps(0.5f);
  for (uint64_t i = 0; i < count; ++i) {
#pragma GCC unroll 20
    for (auto& sum : sums) asm volatile("vfmadd231ps %1, %1, %0" : "+v"(sum) : "v"(factor));
  }
  return 2.0 * 16 * 20 * static_cast<double>(count);
}

class OnednnCodegen : public testing::Test {
 protected:
  void SetUp() override {
    if (kIsInstrumented) GTEST_SKIP() << "instrumented by a sanitizer";
    if (UsableTier() < Tier::kAvx512Vnni) GTEST_SKIP() << "needs a processor with " << TierName(Tier::kAvx512Vnni);
  }

  // Expects a kernel, kRows by a panel of `type`, to do at least `least` operations in the time of one in fused
  // multiplications.
  template <typename Run>
  void ExpectRate(PanelType type, InputForm form, double least, const Run& run) {
    conformance::TestHost host;
    const uint64_t panel_bytes = PackedMatrix::PanelBytes(type, kInputs);
    kit::WeightArena arena(*host.table(), panel_bytes);
    auto* panel = arena.Take<std::byte>(panel_bytes);
    std::fill_n(panel, panel_bytes, std::byte{0});
    std::vector<float> x(kRows * kInputs, 1.0f), tile(kRows * kPanelWidth);
    const uint64_t prepared_bytes = PreparedInput::Bytes(form, type, kRows, kInputs);
    kit::HostArray<std::byte> place(*host.table(), prepared_bytes, "inputs");
    const PreparedInput input(form, type, {x.data(), kRows, kInputs}, place.data());
    input.Fill(0, input.num_items());

    constexpr uint32_t kRepeats = 20, kSamples = 41;
    constexpr double kOperations = 2.0 * kRows * kInputs * kPanelWidth * kRepeats;
    std::vector<double> ratios, probes;
    for (uint32_t sample = 0; sample < kSamples; ++sample) {
      double start = Now();
      const double fused = FusedMultiplications(100'000);
      const double fused_rate = fused / (Now() - start);
      start = Now();
      for (uint32_t i = 0; i < kRepeats; ++i) run(panel, x.data(), input, tile.data());
      ratios.push_back(kOperations / (Now() - start) / fused_rate);
      probes.push_back(fused_rate);
    }
    std::sort(ratios.begin(), ratios.end());
    std::sort(probes.begin(), probes.end());
    const double median = ratios[kSamples / 2];
    RecordProperty("ratio_percent", static_cast<int>(100 * median));
    if (median < least && probes[kSamples * 3 / 4] > 1.3 * probes[kSamples / 4]) {
      GTEST_SKIP() << "the machine is too busy: its own rate moves between " << probes[kSamples / 4] / 1e9 << " and "
                   << probes[kSamples * 3 / 4] / 1e9 << " G/s";
    }
    EXPECT_GE(median, least) << "fused multiplications: " << probes[kSamples / 2] / 1e9 << " G/s";
  }
};

// The instruction does four times the work of a fused multiplication.
TEST_F(OnednnCodegen, EightBitProductsStayInRegisters) {
  ExpectRate(PanelType::kQ8, InputForm::kInt8, 2.5,
             [](const std::byte* panel, const float*, const PreparedInput& input, float* tile) {
               MultiplyPanelInt8Vnni(PanelType::kQ8, panel, kQ8Panel.NumGroups(kInputs), input.Int8(0), kRows, tile, 0);
             });
}

TEST_F(OnednnCodegen, FourBitProductsStayInRegisters) {
  ExpectRate(PanelType::kQ4, InputForm::kInt8, 2.0,
             [](const std::byte* panel, const float*, const PreparedInput& input, float* tile) {
               MultiplyPanelInt8Vnni(PanelType::kQ4, panel, kQ4Panel.NumGroups(kInputs), input.Int8(0), kRows, tile, 0);
             });
}

TEST_F(OnednnCodegen, Float32ProductsStayInRegisters) {
  ExpectRate(PanelType::kF32, InputForm::kF32, 0.7,
             [](const std::byte* panel, const float* x, const PreparedInput&, float* tile) {
               Panels().multiply(PanelType::kF32, panel, kInputs, x, kRows, tile, 0);
             });
}

TEST_F(OnednnCodegen, ExpandedBf16ProductsStayInRegisters) {
  ExpectRate(PanelType::kBf16, InputForm::kF32, 0.6,
             [](const std::byte* panel, const float* x, const PreparedInput&, float* tile) {
               Panels().multiply(PanelType::kBf16, panel, kInputs, x, kRows, tile, 0);
             });
}

// By the processor, the instruction does half to twice the work of a fused multiplication.
TEST_F(OnednnCodegen, Bf16ProductsStayInRegisters) {
  if (UsableTier() < Tier::kAvx512Bf16) GTEST_SKIP() << "needs a processor with " << TierName(Tier::kAvx512Bf16);
  ExpectRate(PanelType::kBf16, InputForm::kBf16, 0.4,
             [](const std::byte* panel, const float*, const PreparedInput& input, float* tile) {
               MultiplyPanelBf16Avx512(panel, kInputs, input.Bf16(0), kRows, tile, 0);
             });
}

}  // namespace
}  // namespace skein::onednn
#endif  // defined(__x86_64__)
