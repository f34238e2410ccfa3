#include "cuda/rounded_copies.h"

#include <gtest/gtest.h>

#include <vector>

namespace skein::cuda {
namespace {

class RoundedCopiesTest : public testing::Test {
 protected:
  kit::Rows RowsAt(size_t offset, uint32_t width, uint32_t count = 2) {
    return {activations_.data() + offset, count, width};
  }

  std::vector<float> activations_ = std::vector<float>(256);
  std::vector<uint16_t> room_ = std::vector<uint16_t>(256);
  RoundedCopies copies_{{activations_.data(), room_.data(), Inputs::kBf16}};
};

TEST_F(RoundedCopiesTest, ACopyIsFoundWhereItWasWritten) {
  const kit::Rows rows = RowsAt(64, 16);
  EXPECT_EQ(copies_.Find(rows).data, nullptr);
  EXPECT_EQ(copies_.Write(rows).data, room_.data() + 64);
  EXPECT_EQ(copies_.Find(rows).data, room_.data() + 64);
  EXPECT_EQ(copies_.Find(rows).inputs, Inputs::kBf16);
  EXPECT_EQ(copies_.Find(RowsAt(96, 16)).data, nullptr);
}

TEST_F(RoundedCopiesTest, RowsThatAreWrittenAloneHaveNoCopyAnyMore) {
  copies_.Write(RowsAt(64, 16));
  copies_.Write(RowsAt(96, 16));
  copies_.Forget(RowsAt(64, 16));
  EXPECT_EQ(copies_.Find(RowsAt(64, 16)).data, nullptr);
  EXPECT_NE(copies_.Find(RowsAt(96, 16)).data, nullptr);
  copies_.Write(RowsAt(64, 16));
  EXPECT_NE(copies_.Find(RowsAt(64, 16)).data, nullptr);
}

TEST_F(RoundedCopiesTest, RowsThatNoPieceOf16BytesBeginsHaveNone) {
  EXPECT_EQ(copies_.Write(RowsAt(64, 12)).data, nullptr);
  EXPECT_EQ(copies_.Write(RowsAt(68, 16)).data, nullptr);
  EXPECT_EQ(copies_.Find(RowsAt(68, 16)).data, nullptr);
  EXPECT_EQ(copies_.Write({}).data, nullptr);
}

TEST_F(RoundedCopiesTest, RowsThatAreWrittenAgainTakeNoSecondPlace) {
  size_t num_written = 0;
  for (uint32_t i = 0; i < 32; ++i) {
    num_written += copies_.Write(RowsAt(8 * i, 8, 1)).data != nullptr ? 1 : 0;
    num_written += copies_.Write(RowsAt(8 * i, 8, 1)).data != nullptr ? 1 : 0;
  }
  EXPECT_EQ(num_written, 64u);
}

TEST_F(RoundedCopiesTest, WithoutRoomThereIsNone) {
  RoundedCopies none({activations_.data(), nullptr, Inputs::kF16});
  EXPECT_EQ(none.Write(RowsAt(64, 16)).data, nullptr);
  EXPECT_EQ(none.Find(RowsAt(64, 16)).data, nullptr);
}

}  // namespace
}  // namespace skein::cuda
