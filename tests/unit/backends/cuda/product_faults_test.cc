// The products under the emulator's detector, right and broken on purpose.
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cuda/kernels/product_parts.h"
#include "tests/unit/backends/cuda/mutants.h"
#include "tests/unit/backends/cuda/product_harness.h"

namespace skein::cuda {
namespace {

using Launcher = std::function<cudaError_t(const Queue&, const ProductList&, Inputs)>;

WordCopy CopyOf(const DeviceArray<float>& to, const DeviceArray<float>& from, size_t count) {
  return {reinterpret_cast<uint32_t*>(to.get()), reinterpret_cast<const uint32_t*>(from.get()),
          static_cast<uint32_t>(count)};
}

// One product of another kernel's results, added to another kernel's results.
std::string ProductFault(const Trial& trial, Launcher launch, WeightType type, Inputs inputs, uint32_t num_inputs,
                         uint32_t num_outputs, uint32_t num_rows) {
  Random random(1);
  const Weights weights(type, num_outputs, num_inputs, random);
  const std::vector<float> in_values = random.Floats(size_t{num_rows} * num_inputs);
  const std::vector<float> before = random.Floats(size_t{num_rows} * num_outputs);
  const DeviceArray<float> in_source(in_values), out_source(before);
  const DeviceArray<float> in(in_values.size()), out(before.size());
  const DeviceProduct product = {
      weights.view(), {in.get(), num_rows, num_inputs}, {out.get(), num_rows, num_outputs}, kit::Then::kAdd};
  std::string fault = trial.Run({CopyOf(in, in_source, in_values.size()), CopyOf(out, out_source, before.size())},
                                [&](const Queue& queue) { return launch(queue, ListOf({product}), inputs); });
  if (!fault.empty()) return fault;
  return Difference(weights, in_values, before, out.Read(), inputs, product.then);
}

// Several chunks of inputs, and tails of all.
std::string RowFault(const Trial& trial, WeightType type) {
  return ProductFault(trial, RowProducts, type, Inputs::kF32, 2200, 21, 3);
}

// One row, whose inputs come by themselves and are rounded where they lie, in several chunks, by blocks of half the
// outputs.
std::string OneRowFault(const Trial& trial, WeightType type) {
  return ProductFault(trial, RowProducts, type, Inputs::kF16, 4204, 21, 1);
}

// Several rounds of groups, and tails of all.
std::string NibbleFault(const Trial& trial, uint32_t num_rows) {
  return ProductFault(trial, NibbleProducts, WeightType::kQ4, Inputs::kF32, 2200, 21, num_rows);
}

// More stages than lie in shared memory, and tails of all.
std::string TileFault(const Trial& trial, WeightType type, uint32_t num_rows = 11) {
  const Inputs inputs = type == WeightType::kF16 ? Inputs::kF16 : Inputs::kBf16;
  const auto launch = [](const Queue& queue, const ProductList& list, Inputs rounding) {
    return TileProducts(queue, list, rounding);
  };
  return ProductFault(trial, launch, type, inputs, 410, 70, num_rows);
}

// Inputs that the kernel before rounded, more stages than lie in shared memory, and tails of all. The floats are not
// looked at.
std::string RoundedFault(const Trial& trial, WeightType type, uint32_t num_inputs, uint32_t num_rows,
                         const PartScratch& scratch, const std::optional<Tile>& tile) {
  constexpr uint32_t kOutputs = 70;
  const Inputs inputs = type == WeightType::kF16 ? Inputs::kF16 : Inputs::kBf16;
  Random random(1);
  const Weights weights(type, kOutputs, num_inputs, random);
  const std::vector<float> in_values = random.Floats(size_t{num_rows} * num_inputs);
  const std::vector<float> before = random.Floats(size_t{num_rows} * kOutputs);
  const DeviceArray<uint16_t> in_source(RoundedBits(in_values, inputs)), in(in_values.size());
  const DeviceArray<float> out_source(before), out(before.size());
  const DeviceArray<uint16_t> rounded_out(before.size());
  DeviceProduct product = {
      weights.view(),     {nullptr, num_rows, num_inputs}, {out.get(), num_rows, kOutputs}, kit::Then::kAdd, {},
      {in.get(), inputs}, {rounded_out.get(), inputs}};
  const WordCopy copy_in = {reinterpret_cast<uint32_t*>(in.get()), reinterpret_cast<const uint32_t*>(in_source.get()),
                            static_cast<uint32_t>(in_values.size() / 2)};
  std::string fault = trial.Run({copy_in, CopyOf(out, out_source, before.size())}, [&](const Queue& queue) {
    const ProductList list = ListOf({product});
    return TileProducts(queue, list, inputs, scratch, tile.value_or(PlainTile(list, scratch)));
  });
  if (!fault.empty()) return fault;
  if (rounded_out.Read() != RoundedBits(out.Read(), inputs)) return "the copy of the results is another";
  return Difference(weights, in_values, before, out.Read(), inputs, product.then);
}

std::string RoundedTileFault(const Trial& trial, WeightType type, uint32_t num_rows = 11) {
  return RoundedFault(trial, type, 712, num_rows, {}, std::nullopt);
}

// The same with larger blocks.
std::string WideTileFault(const Trial& trial, WeightType type, uint32_t num_rows, uint32_t tile_rows,
                          uint32_t tile_outputs = kWideTileOutputs) {
  return RoundedFault(trial, type, 456, num_rows, {}, Tile{tile_outputs, tile_rows, false});
}

// Two parts of sums, in a block or handed over.
std::string WidePartFault(const Trial& trial, WeightType type, bool is_split) {
  const TestPartScratch scratch;
  return RoundedFault(trial, type, 1304, 20, scratch.get(), Tile{kWideTileOutputs, 32, is_split});
}

// Parts of sums that blocks hand to each other.
std::string SplitFault(const Trial& trial, WeightType type, uint32_t num_rows) {
  const TestPartScratch scratch;
  const auto launch = [&scratch](const Queue& queue, const ProductList& list, Inputs inputs) {
    return TileProducts(queue, list, inputs, scratch.get());
  };
  const Inputs inputs = type == WeightType::kF16 ? Inputs::kF16 : Inputs::kBf16;
  return ProductFault(trial, launch, type, inputs, 1300, 70, num_rows);
}

std::string SparseFault(const Trial& trial, WeightType type) {
  constexpr uint32_t kInputs = 700, kOutputs = 300, kRows = 2;
  Random random(2);
  const TurnedWeights columns(type, kInputs, kOutputs, random);
  std::vector<float> in_values = random.Floats(size_t{kRows} * kInputs);
  for (size_t i = 0; i < in_values.size(); ++i) {
    if (i % 3 != 0) in_values[i] = 0;
  }
  const std::vector<float> before = random.Floats(size_t{kRows} * kOutputs);
  const DeviceArray<float> in_source(in_values), out_source(before);
  const DeviceArray<float> in(in_values.size()), out(before.size());
  const DeviceArray<float> scratch(SparseScratchFloats(kInputs, kOutputs));
  std::string fault = trial.Run(
      {CopyOf(in, in_source, in_values.size()), CopyOf(out, out_source, before.size())}, [&](const Queue& queue) {
        return SparseProduct(queue, {{}, {in.get(), kRows, kInputs}, {out.get(), kRows, kOutputs}, kit::Then::kAdd},
                             columns.view(), Inputs::kF16, scratch.get());
      });
  if (!fault.empty()) return fault;
  const std::vector<float> results = out.Read();
  for (uint32_t i = 0; i < results.size(); ++i) {
    double want = before[i];
    for (uint32_t c = 0; c < kInputs; ++c) {
      want += columns.value(c, i % kOutputs) *
              static_cast<double>(RoundedInput(in_values[size_t{i / kOutputs} * kInputs + c], Inputs::kF16));
    }
    if (!(std::abs(results[i] - want) < 1e-3)) return "output " + std::to_string(i);
  }
  return "";
}

std::string RoundFault(const Trial& trial) {
  constexpr uint32_t kWidth = 77, kRows = 3, kPadded = 80;
  const std::vector<float> values = Random(3).Floats(kRows * kWidth);
  const DeviceArray<float> source(values), in(values.size());
  const DeviceArray<uint16_t> out(size_t{kRows} * kPadded);
  std::string fault = trial.Run({CopyOf(in, source, values.size())}, [&](const Queue& queue) {
    return RoundRows(queue, {in.get(), kRows, kWidth}, Inputs::kBf16, out.get());
  });
  if (!fault.empty()) return fault;
  const std::vector<uint16_t> results = out.Read();
  for (uint32_t i = 0; i < results.size(); ++i) {
    const uint32_t column = i % kPadded;
    const uint16_t want = column < kWidth ? F32ToBf16(values[i / kPadded * kWidth + column]) : 0;
    if (results[i] != want) return "element " + std::to_string(i);
  }
  return "";
}

// The matrix before it is read by the kernel before.
std::string ExpandFault(const Trial& trial) {
  constexpr uint32_t kInputs = 9000, kOutputs = 3;
  Random random(6);
  const Weights weights(WeightType::kQ8, kOutputs, kInputs, random);
  const uint32_t row_halves = ExpandedView(weights.view(), nullptr).row_bytes / 2;
  const size_t words = size_t{kOutputs} * row_halves / 2;
  const DeviceArray<float> out(std::vector<float>(words, 0)), read(words);
  std::string fault = trial.Run({CopyOf(read, out, words)},
                                [&](const Queue& queue) { return ExpandCodes(queue, weights.view(), out.get()); });
  if (!fault.empty()) return fault;
  std::vector<uint16_t> results(2 * words);
  const std::vector<float> pairs = out.Read();
  std::memcpy(results.data(), pairs.data(), words * sizeof(float));
  for (uint32_t i = 0; i < results.size(); ++i) {
    const uint32_t column = i % row_halves;
    const double value = column < kInputs ? weights.value(i / row_halves, column) : 0;
    if (results[i] != F32ToBf16(static_cast<float>(value))) return "element " + std::to_string(i);
  }
  return "";
}

std::string FinishFault(const Trial& trial) {
  constexpr uint32_t kCount = 700;
  const std::vector<float> values = Random(4).Floats(kCount), before = Random(5).Floats(kCount);
  const DeviceArray<float> value_source(values), before_source(before), product(kCount), out(kCount);
  const std::string fault =
      trial.Run({CopyOf(product, value_source, kCount), CopyOf(out, before_source, kCount)}, [&](const Queue& queue) {
        return FinishProduct(queue, {product.get(), 1, kCount}, kit::Then::kAdd, {out.get(), 1, kCount});
      });
  if (!fault.empty()) return fault;
  const std::vector<float> results = out.Read();
  for (uint32_t i = 0; i < kCount; ++i) {
    if (results[i] != before[i] + values[i]) return "element " + std::to_string(i);
  }
  return "";
}

class RowFaultsTest : public testing::TestWithParam<WeightType> {};
INSTANTIATE_TEST_SUITE_P(Types, RowFaultsTest, testing::ValuesIn(kWeightTypes),
                         [](const auto& param_info) { return NameOf(param_info.param); });

TEST_P(RowFaultsTest, NothingIsAccused) {
  ExpectRight([&](const Trial& trial) { return RowFault(trial, GetParam()); });
}

TEST_P(RowFaultsTest, EachBarrierIsNeeded) {
  // The wait for the kernel before, and the barriers before and after a chunk of inputs.
  ExpectEachBarrierIsNeeded([&](const Trial& trial) { return RowFault(trial, GetParam()); }, 3);
}

TEST_P(RowFaultsTest, IndexFaultsAreSeen) {
  ExpectIndexFaultsAreSeen([&](const Trial& trial) { return RowFault(trial, GetParam()); });
}

TEST_P(RowFaultsTest, NothingOfOneRowIsAccused) {
  ExpectRight([&](const Trial& trial) { return OneRowFault(trial, GetParam()); });
}

TEST_P(RowFaultsTest, EachBarrierOfOneRowIsNeeded) {
  // The same, and the wait for the copies.
  ExpectEachBarrierIsNeeded([&](const Trial& trial) { return OneRowFault(trial, GetParam()); }, 4);
}

TEST_P(RowFaultsTest, IndexFaultsOfOneRowAreSeen) {
  ExpectIndexFaultsAreSeen([&](const Trial& trial) { return OneRowFault(trial, GetParam()); });
}

class TileFaultsTest : public testing::TestWithParam<WeightType> {};
INSTANTIATE_TEST_SUITE_P(Types, TileFaultsTest,
                         testing::Values(WeightType::kF16, WeightType::kBf16, WeightType::kQ8, WeightType::kQ4),
                         [](const auto& param_info) { return NameOf(param_info.param); });

TEST_P(TileFaultsTest, NothingIsAccused) {
  for (const uint32_t num_rows : {3u, 11u, 20u, 70u}) {
    ExpectRight([&](const Trial& trial) { return TileFault(trial, GetParam(), num_rows); });
  }
}

TEST_P(TileFaultsTest, EachBarrierIsNeeded) {
  // The waits for the kernel before and for copies, and the barrier of a stage.
  ExpectEachBarrierIsNeeded([&](const Trial& trial) { return TileFault(trial, GetParam()); }, 3);
}

TEST_P(TileFaultsTest, IndexFaultsAreSeen) {
  ExpectIndexFaultsAreSeen([&](const Trial& trial) { return TileFault(trial, GetParam()); });
}

class RoundedTileFaultsTest : public testing::TestWithParam<WeightType> {};
INSTANTIATE_TEST_SUITE_P(Types, RoundedTileFaultsTest, testing::Values(WeightType::kF16, WeightType::kBf16),
                         [](const auto& param_info) { return NameOf(param_info.param); });

TEST_P(RoundedTileFaultsTest, NothingIsAccused) {
  for (const uint32_t num_rows : {3u, 11u, 20u, 70u}) {
    ExpectRight([&](const Trial& trial) { return RoundedTileFault(trial, GetParam(), num_rows); });
  }
}

TEST_P(RoundedTileFaultsTest, EachBarrierIsNeeded) {
  // The waits for the kernel before and for copies, and the barrier of a stage.
  ExpectEachBarrierIsNeeded([&](const Trial& trial) { return RoundedTileFault(trial, GetParam()); }, 3);
}

TEST_P(RoundedTileFaultsTest, IndexFaultsAreSeen) {
  ExpectIndexFaultsAreSeen([&](const Trial& trial) { return RoundedTileFault(trial, GetParam()); });
}

TEST_P(RoundedTileFaultsTest, NothingIsAccusedOfWideTiles) {
  for (const auto& [num_rows, tile_rows] : {std::pair(40u, 64u), std::pair(70u, 96u), std::pair(130u, 128u)}) {
    ExpectRight([&](const Trial& trial) { return WideTileFault(trial, GetParam(), num_rows, tile_rows); }, 2);
  }
  ExpectRight([&](const Trial& trial) { return WideTileFault(trial, GetParam(), 9, 128, kWidestTileOutputs); }, 1);
  for (const bool is_split : {false, true}) {
    ExpectRight([&](const Trial& trial) { return WidePartFault(trial, GetParam(), is_split); });
  }
}

TEST_P(RoundedTileFaultsTest, EachBarrierOfWideTilesIsNeeded) {
  // The waits for the kernel before and for copies, and the barrier of a stage; of parts two barriers and two fences.
  ExpectEachBarrierIsNeeded([&](const Trial& trial) { return WideTileFault(trial, GetParam(), 20, 32); }, 3);
  ExpectEachBarrierIsNeeded([&](const Trial& trial) { return WidePartFault(trial, GetParam(), true); }, 7);
}

TEST_P(RoundedTileFaultsTest, IndexFaultsAreSeenInWideTiles) {
  ExpectIndexFaultsAreSeen([&](const Trial& trial) { return WideTileFault(trial, GetParam(), 20, 32); });
  for (const bool is_split : {false, true}) {
    ExpectIndexFaultsAreSeen([&](const Trial& trial) { return WidePartFault(trial, GetParam(), is_split); });
  }
}

TEST_P(TileFaultsTest, NothingIsAccusedOfPartsThatAreHandedOver) {
  for (const uint32_t num_rows : {5u, 60u, 66u}) {
    ExpectRight([&](const Trial& trial) { return SplitFault(trial, GetParam(), num_rows); }, 2);
  }
}

TEST_P(TileFaultsTest, EachBarrierOfPartsThatAreHandedOverIsNeeded) {
  // Beside the three: two barriers and two fences.
  ExpectEachBarrierIsNeeded([&](const Trial& trial) { return SplitFault(trial, GetParam(), 5); }, 7);
}

TEST_P(TileFaultsTest, IndexFaultsAreSeenInPartsThatAreHandedOver) {
  ExpectIndexFaultsAreSeen([&](const Trial& trial) { return SplitFault(trial, GetParam(), 5); });
}

TEST(NibbleFaults, NothingIsAccused) {
  for (const uint32_t num_rows : {1u, 3u}) {
    ExpectRight([&](const Trial& trial) { return NibbleFault(trial, num_rows); });
  }
}
TEST(NibbleFaults, EachBarrierIsNeeded) {
  // The wait for the kernel before, the barriers of a warp before and behind its inputs, and that before the sums.
  ExpectEachBarrierIsNeeded([](const Trial& trial) { return NibbleFault(trial, 3); }, 4);
}
TEST(NibbleFaults, IndexFaultsAreSeen) {
  ExpectIndexFaultsAreSeen([](const Trial& trial) { return NibbleFault(trial, 3); });
}

class SparseFaultsTest : public testing::TestWithParam<WeightType> {
 protected:
  static std::string Fault(const Trial& trial) { return SparseFault(trial, GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Types, SparseFaultsTest, testing::Values(WeightType::kF16, WeightType::kQ8, WeightType::kQ4),
                         [](const auto& param_info) { return NameOf(param_info.param); });

TEST_P(SparseFaultsTest, NothingIsAccused) { ExpectRight(Fault); }
TEST_P(SparseFaultsTest, EachBarrierIsNeeded) {
  // The waits of two kernels, and the barriers of the list's counts, the list, and the warps' sums.
  ExpectEachBarrierIsNeeded(Fault, 5);
}
TEST_P(SparseFaultsTest, IndexFaultsAreSeen) { ExpectIndexFaultsAreSeen(Fault); }

TEST(RoundFaults, NothingIsAccused) { ExpectRight(RoundFault); }
TEST(RoundFaults, EachBarrierIsNeeded) { ExpectEachBarrierIsNeeded(RoundFault, 1); }
// The row before the first is nowhere in memory.
TEST(RoundFaults, IndexFaultsAreSeen) { ExpectIndexFaultsAreSeen(RoundFault, {1}); }

TEST(ExpandFaults, NothingIsAccused) { ExpectRight(ExpandFault); }
TEST(ExpandFaults, EachBarrierIsNeeded) { ExpectEachBarrierIsNeeded(ExpandFault, 1); }
// The row before the first is nowhere in memory.
TEST(ExpandFaults, IndexFaultsAreSeen) { ExpectIndexFaultsAreSeen(ExpandFault, {1}); }

TEST(FinishFaults, NothingIsAccused) { ExpectRight(FinishFault); }
TEST(FinishFaults, EachBarrierIsNeeded) { ExpectEachBarrierIsNeeded(FinishFault, 1); }
TEST(FinishFaults, IndexFaultsAreSeen) { ExpectIndexFaultsAreSeen(FinishFault); }

}  // namespace
}  // namespace skein::cuda
