#include "cuda/tile_choice.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "cuda/kernels/product_parts.h"

namespace skein::cuda {
namespace {

using Sizes = std::vector<std::pair<uint32_t, uint32_t>>;  // outputs, inputs

ProductList ListOf(const Sizes& sizes, uint32_t num_rows) {
  ProductList list = {};
  for (const auto& [num_outputs, num_inputs] : sizes) {
    DeviceProduct& product = list.products[list.count++];
    product.weight.type = WeightType::kF16;
    product.weight.num_rows = num_outputs;
    product.weight.num_columns = num_inputs;
    product.in = {nullptr, num_rows, num_inputs};
    product.out = {nullptr, num_rows, num_outputs};
  }
  return list;
}

constexpr uint32_t kRoom = 227 * 1024;  // of 9.0

// Nobody follows the address.
PartScratch SomeScratch() {
  static float sums = 0;
  return {&sums, nullptr};
}

// Launches of RWKV-7 of 0.1B, 1.5B and 7.2B.
const Sizes kLaunches[] = {{{768, 768}, {768, 768}, {768, 768}, {64, 768}, {64, 768}, {32, 768}, {128, 768}},
                           {{768, 3072}},
                           {{2048, 2048}, {2048, 2048}, {2048, 2048}, {96, 2048}, {96, 2048}, {64, 2048}, {256, 2048}},
                           {{2048, 96}, {2048, 96}, {2048, 64}, {2048, 256}},
                           {{2048, 8192}},
                           {{8192, 2048}},
                           {{4096, 4096}},
                           {{4096, 16384}},
                           {{65536, 4096}},
                           {{65536, 768}}};
constexpr uint32_t kRows[] = {5, 9, 17, 32, 33, 64, 65, 96, 97, 128, 129, 200, 256, 512, 2000};

TEST(TileChoiceTest, ManyRowsOfLargeMatricesTakeLargeTiles) {
  EXPECT_EQ(ChooseTile(ListOf({{4096, 16384}}, 128), SomeScratch(), kRoom), (Tile{kWideTileOutputs, 128, true}));
  EXPECT_EQ(ChooseTile(ListOf({{65536, 4096}}, 128), SomeScratch(), kRoom), (Tile{kWidestTileOutputs, 128, false}));
  for (const uint32_t num_rows : {65u, 96u}) {
    EXPECT_EQ(ChooseTile(ListOf({{16384, 4096}}, num_rows), SomeScratch(), kRoom), (Tile{kWideTileOutputs, 96, false}))
        << "and do not pay for 128";
  }
  EXPECT_EQ(ChooseTile(ListOf({{16384, 4096}}, 97), SomeScratch(), kRoom), (Tile{kWideTileOutputs, 128, false}));
}

TEST(TileChoiceTest, FewRowsOfSmallMatricesTakeSmallTiles) {
  EXPECT_EQ(ChooseTile(ListOf({{768, 768}}, 5), {}, kRoom), (Tile{kTileOutputs, 8, false}));
  EXPECT_EQ(ChooseTile(ListOf({{768, 768}}, 32), {}, kRoom).outputs, kTileOutputs);
  EXPECT_LT(ChooseTile(ListOf({{768, 768}}, 128), {}, kRoom).rows, 64u) << "more multiprocessors";
}

TEST(TileChoiceTest, NoOtherTileCountsLessThanThePlainOneOrTheChosen) {
  for (const Sizes& sizes : kLaunches) {
    for (const uint32_t num_rows : kRows) {
      for (const PartScratch& scratch : {PartScratch(), SomeScratch()}) {
        const ProductList list = ListOf(sizes, num_rows);
        const Tile chosen = ChooseTile(list, scratch, kRoom);
        EXPECT_LE(CountedCycles(list, chosen), CountedCycles(list, PlainTile(list, scratch))) << num_rows;
        EXPECT_TRUE(!chosen.is_split || HasRoom(scratch, list, chosen)) << num_rows;
      }
    }
  }
}

TEST(TileChoiceTest, PartsHaveBlocksOfTheirOwnWhereThereIsRoomAlone) {
  const ProductList list = ListOf({{4096, 16384}}, 128);
  EXPECT_FALSE(ChooseTile(list, {}, kRoom).is_split);
  EXPECT_TRUE(HasRoom(SomeScratch(), list, {kWideTileOutputs, 128, true}));
  EXPECT_FALSE(HasRoom({}, list, {kWideTileOutputs, 128, true}));
  const ProductList many = ListOf({{4096, 16384}}, 384);  // 192 blocks of 64 KB are more than 8 MB
  EXPECT_FALSE(HasRoom(SomeScratch(), many, {kWideTileOutputs, 128, true}));
}

// With 99 KB.
TEST(TileChoiceTest, ATileHasRoomInSharedMemory) {
  constexpr uint32_t kLittle = 99 * 1024;
  EXPECT_EQ(ChooseTile(ListOf({{65536, 4096}}, 128), SomeScratch(), kLittle), (Tile{kWideTileOutputs, 128, false}));
  const ProductList list = ListOf({{4096, 16384}}, 512);
  EXPECT_EQ(ChooseTile(list, {}, kRoom).outputs, kWideTileOutputs);
  EXPECT_EQ(ChooseTile(list, {}, kLittle).outputs, kTileOutputs) << "beside parts before";
}

TEST(TileChoiceTest, NoOutputsAreNoCycles) {
  EXPECT_EQ(CountedCycles(ListOf({{0, 8}}, 9), {kTileOutputs, 8, false}), 0u);
}

// The prediction has the same count.
TEST(TileChoiceTest, TilesAreAsPredicted) {
  if (std::system("python3 -c ''") != 0) GTEST_SKIP() << "there is no python3";
  std::string commands, chosen;
  for (const Sizes& sizes : kLaunches) {
    std::string matrices;
    for (const auto& [num_outputs, num_inputs] : sizes) {
      matrices += (matrices.empty() ? "" : ",") + std::to_string(num_outputs) + "x" + std::to_string(num_inputs);
    }
    std::string rows;
    for (const uint32_t num_rows : kRows) {
      rows += (rows.empty() ? "" : ",") + std::to_string(num_rows);
      for (const PartScratch& scratch : {PartScratch(), SomeScratch()}) {
        const Tile tile = ChooseTile(ListOf(sizes, num_rows), scratch, kRoom);
        chosen += std::to_string(tile.outputs) + "x" + std::to_string(tile.rows) + (tile.is_split ? " split\n" : "\n");
      }
    }
    commands +=
        std::string(commands.empty() ? "" : " && ") + "python3 -B " SKEIN_TILE_COUNT " " + rows + " " + matrices;
  }
  std::string predicted;
  FILE* const pipe = popen(commands.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) predicted += static_cast<char>(c);
  EXPECT_EQ(pclose(pipe), 0);
  EXPECT_EQ(predicted, chosen);
}

}  // namespace
}  // namespace skein::cuda
