// TileProducts by the tiles that are chosen beside the plain one: the same bits, whatever the tile.
#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <tuple>
#include <vector>

#include "cuda/kernels/product_parts.h"
#include "cuda_emulator/control.h"
#include "tests/unit/backends/cuda/product_harness.h"

namespace skein::cuda {
namespace {

constexpr WeightType kTypes[] = {WeightType::kF16, WeightType::kBf16};

Inputs InputsOf(WeightType type) { return type == WeightType::kF16 ? Inputs::kF16 : Inputs::kBf16; }

// With the copies of `product` as they are; those of outputs need a width that is a multiple of 8.
DeviceProduct Rounded(TestProduct& product, const Queue& queue, Inputs inputs) {
  DeviceProduct rounded = product.RoundedProduct(queue, inputs);
  rounded.in.data = nullptr;  // floats are not looked at
  if (rounded.out.width % 8 != 0) rounded.rounded_out = {};
  return rounded;
}

class WideTilesTest : public testing::TestWithParam<WeightType> {
 protected:
  const Inputs inputs_ = InputsOf(GetParam());
  TestQueue queue_;
};

INSTANTIATE_TEST_SUITE_P(Types, WideTilesTest, testing::ValuesIn(kTypes),
                         [](const auto& param_info) { return NameOf(param_info.param); });

struct Shape {
  uint32_t num_inputs, num_outputs, num_rows, tile_rows;
  uint32_t tile_outputs = kWideTileOutputs;
};

// Tails of every tile: rows (32, 64, 96, 128), outputs (128 or 256, 32 or 64 of a warp), inputs (a step of 16, a stage
// of 64), and fewer stages than lie in shared memory, as many, and more.
constexpr Shape kShapes[] = {{192, 77, 65, 96},
                             {200, 136, 66, 64},
                             {64, 128, 96, 96},
                             {8, 8, 97, 128},
                             {456, 130, 127, 64},
                             {192, 192, 128, 128},
                             {72, 40, 129, 96},
                             {448, 77, 200, 128},
                             {24, 264, 5, 32},
                             {320, 160, 33, 32},
                             {200, 296, 97, 128, kWidestTileOutputs},
                             {328, 77, 130, 128, kWidestTileOutputs}};

TEST_P(WideTilesTest, EveryShapeGivesTheSumsAndTheirCopies) {
  for (const Shape& shape : kShapes) {
    for (const kit::Then then : {kit::Then::kReluSquare, kit::Then::kAdd}) {
      TestProduct plain(GetParam(), shape.num_inputs, shape.num_outputs, shape.num_rows, then);
      ASSERT_EQ(TileProducts(queue_.get(), ListOf({plain.product()}), inputs_), cudaSuccess);
      TestProduct wide(GetParam(), shape.num_inputs, shape.num_outputs, shape.num_rows, then);
      const DeviceProduct product = Rounded(wide, queue_.get(), inputs_);
      ASSERT_EQ(
          TileProducts(queue_.get(), ListOf({product}), inputs_, {}, {shape.tile_outputs, shape.tile_rows, false}),
          cudaSuccess);
      EXPECT_EQ(wide.Difference(inputs_), "") << shape.num_inputs << " inputs, " << shape.num_rows << " rows";
      EXPECT_EQ(wide.Read(), plain.Read()) << shape.num_inputs << " inputs, " << shape.num_rows << " rows";
      if (product.rounded_out.data != nullptr) {
        EXPECT_EQ(wide.ReadRounded(), RoundedBits(plain.Read(), inputs_));
      }
    }
  }
}

// Several parts of a sum in one block, and each in a block of its own, beside products of one part, one launch after
// the other. Parts of 2600 inputs are 12, 12, 12 and 5 stages.
TEST_P(WideTilesTest, PartsHaveTheSameBitsInEveryTile) {
  const TestPartScratch scratch;
  constexpr std::pair<uint32_t, uint32_t> kListed[] = {{1304, 72}, {64, 24}, {2600, 136}};
  const auto run = [&](uint32_t num_rows, const Tile& tile) {
    std::vector<std::unique_ptr<TestProduct>> cases;
    std::vector<DeviceProduct> products;
    for (const auto& [num_inputs, num_outputs] : kListed) {
      cases.push_back(
          std::make_unique<TestProduct>(GetParam(), num_inputs, num_outputs, num_rows, kit::Then::kReluSquare));
      products.push_back(Rounded(*cases.back(), queue_.get(), inputs_));
    }
    EXPECT_EQ(TileProducts(queue_.get(), ListOf(products), inputs_, scratch.get(), tile), cudaSuccess);
    std::vector<std::vector<float>> results;
    for (const auto& product : cases) {
      EXPECT_EQ(product->Difference(inputs_), "") << num_rows << " rows";
      results.push_back(product->Read());
    }
    return results;
  };
  for (const auto& [num_rows, tile_rows] : {std::pair(20u, 32u), std::pair(65u, 96u), std::pair(129u, 128u)}) {
    const auto plain = run(num_rows, {kTileOutputs, 64, false});
    for (const bool is_split : {false, true, true}) {
      EXPECT_EQ(run(num_rows, {kWideTileOutputs, tile_rows, is_split}), plain) << num_rows << ", " << is_split;
    }
    // In one block there is no room.
    if (num_rows != 20) continue;
    EXPECT_EQ(run(num_rows, {kWidestTileOutputs, 128, true}), plain);
  }
}

TEST_P(WideTilesTest, SmallerTilesThanThePlainOneHaveItsBits) {
  const TestPartScratch scratch;
  TestProduct plain(GetParam(), 1304, 72, 70, kit::Then::kStore);
  ASSERT_EQ(TileProducts(queue_.get(), ListOf({Rounded(plain, queue_.get(), inputs_)}), inputs_), cudaSuccess);
  for (const uint32_t tile_rows : {8u, 16u, 32u, 64u}) {
    for (const bool is_split : {false, true}) {
      TestProduct product(GetParam(), 1304, 72, 70, kit::Then::kStore);
      ASSERT_EQ(TileProducts(queue_.get(), ListOf({Rounded(product, queue_.get(), inputs_)}), inputs_, scratch.get(),
                             {kTileOutputs, tile_rows, is_split}),
                cudaSuccess);
      EXPECT_EQ(product.Read(), plain.Read()) << tile_rows;
    }
  }
}

// A row's bits are the same alone, in the plain tile, and beside rows that are not finite.
TEST_P(WideTilesTest, ARowDoesNotKnowTheOthers) {
  constexpr uint32_t kInputs = 200, kOutputs = 144;
  Random random(3);
  const Weights weights(GetParam(), kOutputs, kInputs, random);
  const std::vector<float> row = random.Floats(kInputs);
  const auto run = [&](uint32_t count, uint32_t place, float others, const Tile& tile) {
    std::vector<float> values(size_t{count} * kInputs, others);
    std::copy(row.begin(), row.end(), values.begin() + size_t{place} * kInputs);
    const DeviceArray<uint16_t> in(RoundedBits(values, inputs_));
    const DeviceRows out = Poisoned(count, kOutputs);
    const DeviceProduct product = {weights.view(),     {nullptr, count, kInputs}, out.rows(), kit::Then::kStore, {},
                                   {in.get(), inputs_}};
    EXPECT_EQ(TileProducts(queue_.get(), ListOf({product}), inputs_, {}, tile), cudaSuccess);
    const std::vector<float> results = out.Read();
    return std::vector<float>(results.begin() + place * kOutputs, results.begin() + (place + 1) * kOutputs);
  };
  const std::vector<float> alone = run(1, 0, 0, {kTileOutputs, 8, false});
  for (const uint32_t count : {2u, 65u, 97u, 128u, 130u}) {
    for (const float others : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
      EXPECT_EQ(run(count, 0, others, {kWideTileOutputs, 128, false}), alone) << count;
      EXPECT_EQ(run(count, count - 1, others, {kWideTileOutputs, 96, false}), alone) << count;
    }
  }
}

// With 100 KB a multiprocessor a block has no room for parts before its own, and the widest tile none at all.
TEST_P(WideTilesTest, WhereABlockHasNoRoomForPartsThePlainTileServes) {
  emulator::Options options;
  options.capability = 89;
  emulator::Configure(options);
  {
    TestQueue queue;
    for (const uint32_t num_inputs : {1304u, 72u}) {
      TestProduct product(GetParam(), num_inputs, 24, 66, kit::Then::kStore);
      const ProductList list = ListOf({Rounded(product, queue.get(), inputs_)});
      for (const uint32_t tile_outputs : {kWideTileOutputs, kWidestTileOutputs}) {
        EXPECT_EQ(TileProducts(queue.get(), list, inputs_, {}, {tile_outputs, 128, false}), cudaSuccess);
        EXPECT_EQ(product.Difference(inputs_), "");
      }
    }
  }
  emulator::Configure({});
}

TEST_P(WideTilesTest, TilesThatAreNotThereAreRefused) {
  TestProduct product(GetParam(), 64, 8, 9, kit::Then::kStore);
  const ProductList rounded = ListOf({Rounded(product, queue_.get(), inputs_)}), floats = ListOf({product.product()});
  for (const Tile& tile : {Tile{kWideTileOutputs, 16, false}, Tile{kWidestTileOutputs, 64, false},
                           Tile{kTileOutputs, 96, false}, Tile{32, 32, false}}) {
    EXPECT_EQ(TileProducts(queue_.get(), rounded, inputs_, {}, tile), cudaErrorInvalidValue) << tile.rows;
    EXPECT_EQ(TileProducts(queue_.get(), floats, inputs_, {}, tile), cudaErrorInvalidValue) << tile.rows;
  }
  EXPECT_EQ(TileProducts(queue_.get(), floats, inputs_, {}, {kWideTileOutputs, 64, false}), cudaErrorInvalidValue);
  const TestProduct codes(WeightType::kQ8, 64, 8, 9, kit::Then::kStore);
  EXPECT_EQ(TileProducts(queue_.get(), ListOf({codes.product()}), Inputs::kBf16, {}, {kWideTileOutputs, 64, false}),
            cudaErrorInvalidValue);
}

TEST_P(WideTilesTest, NothingToDoIsNoError) {
  TestProduct none(GetParam(), 8, 8, 0, kit::Then::kStore);
  DeviceProduct product = none.product();
  product.rounded_in = {reinterpret_cast<uint16_t*>(16), inputs_};  // nobody reads it
  EXPECT_EQ(TileProducts(queue_.get(), ListOf({product}), inputs_, {}, {kWideTileOutputs, 64, false}), cudaSuccess);
}

}  // namespace
}  // namespace skein::cuda
