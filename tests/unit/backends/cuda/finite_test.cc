#include "cuda/kernels/finite.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "tests/unit/backends/cuda/kernel_harness.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kRows = 5;

// Rows of numbers of any size, zeros and denormal ones, where row `bad_row` has `number` at `place`.
std::string FiniteFault(const Trial& trial, uint32_t width, uint32_t bad_row, uint32_t place, float number,
                        const std::vector<uint32_t>& row_indices) {
  Random random(width);
  std::vector<float> values = random.Floats(size_t{kRows} * width);
  values.front() = std::numeric_limits<float>::max();
  values.back() = std::numeric_limits<float>::denorm_min();
  values[size_t{bad_row} * width + place] = number;
  const CaseRows rows(values, kRows, width);
  const bool is_listed = !row_indices.empty();
  const DeviceArray<uint32_t> indices(is_listed ? row_indices : std::vector<uint32_t>{0});
  const uint32_t count = is_listed ? static_cast<uint32_t>(row_indices.size()) : kRows;
  const DeviceArray<uint32_t> is_bad(count);
  std::string fault = trial.Run({rows.copy()}, [&](const Queue& queue) {
    return FindNotFinite(queue, rows.device(), is_listed ? indices.get() : nullptr, count, is_bad.get());
  });
  if (!fault.empty()) return fault;
  const std::vector<uint32_t> found = is_bad.Read();
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t row = is_listed ? row_indices[i] : i;
    const bool expected = row == bad_row && !std::isfinite(number);
    if (found[i] != (expected ? 1u : 0u)) return "row " + std::to_string(row) + ": " + std::to_string(found[i]);
  }
  return "";
}

TEST(FindNotFiniteTest, EachKindIsFoundWhereverItIs) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const uint32_t width : {77u, 1u, 5u, 2500u}) {
    for (const uint32_t place : {0u, width / 2, width - 1}) {
      for (const float number : {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN(), 0.0f}) {
        SCOPED_TRACE(::testing::Message() << number << " at " << place << " of " << width);
        const KernelCase run = [&](const Trial& trial) { return FiniteFault(trial, width, 3, place, number, {}); };
        EXPECT_EQ(FaultOf(run, {}, 1), "");
      }
    }
  }
}

TEST(FindNotFiniteTest, RowsAreTakenAsListed) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  ExpectRight([&](const Trial& trial) { return FiniteFault(trial, 192, 3, 7, nan, {3, 0, 3, 4, 1, 3}); });
}

TEST(FindNotFiniteTest, NoRowsAreNoWork) {
  const TestQueue queue;
  EXPECT_EQ(FindNotFinite(queue.get(), {nullptr, 0, 64}, nullptr, 0, nullptr), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(queue.get().stream), cudaSuccess);
}

// One number in each row, each in the hands of another thread, which may not overlook it.
std::string DiagonalFault(const Trial& trial) {
  constexpr uint32_t kWidth = 1024, kSize = kWidth / 2;
  std::vector<float> values(size_t{kSize} * kWidth, 1.0f);
  for (uint32_t i = 0; i < kSize; ++i) values[size_t{i} * kWidth + 2 * i] = std::numeric_limits<float>::infinity();
  const DeviceRows rows(values, kSize, kWidth);
  std::vector<uint32_t> order(kSize);
  for (uint32_t i = 0; i < kSize; ++i) order[i] = kSize - 1 - i;
  const DeviceArray<uint32_t> source(order), indices(kSize), is_bad(kSize);
  std::string fault = trial.Run({{indices.get(), source.get(), kSize}}, [&](const Queue& queue) {
    return FindNotFinite(queue, rows.rows(), indices.get(), kSize, is_bad.get());
  });
  if (!fault.empty()) return fault;
  return is_bad.Read() == std::vector<uint32_t>(kSize, 1) ? "" : "a row is not bad";
}

TEST(FindNotFiniteTest, FaultsAreSeen) {
  ExpectEachBarrierIsNeeded(DiagonalFault, 2);
  ExpectIndexFaultsAreSeen(DiagonalFault);
  ExpectABlockTooManyIsSeen(DiagonalFault);
}

}  // namespace
}  // namespace skein::cuda
