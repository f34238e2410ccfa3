#include "files/naming/stored_part.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/elements.h"
#include "tests/support/fake_format.h"

namespace skein {
namespace {

using ::skein::testing::FloatBytes;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// 0, 1, 2, ... as float32.
std::vector<uint8_t> Counting(size_t count) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i);
  return FloatBytes(values);
}

TensorView PackedView(uint32_t dtype, std::vector<uint64_t> shape, const std::vector<uint8_t>& bytes) {
  TensorView view = {dtype, std::move(shape), {}, bytes.data()};
  view.strides = PackedStrides(view.shape);
  return view;
}

absl::StatusOr<std::vector<float>> ReadAsRole(const StoredPart& part, const std::vector<uint64_t>& role_shape,
                                              const TensorView& stored, std::vector<uint8_t>* scratch = nullptr) {
  std::vector<uint8_t> own_scratch;
  if (scratch == nullptr) scratch = &own_scratch;
  const auto view = ViewAsRole(part, role_shape, stored, "t", *scratch);
  if (!view.ok()) return view.status();
  EXPECT_EQ(view->shape, role_shape);
  std::vector<float> values;
  const absl::Status status = VisitElements(*view, "t", [&](const float* run, uint64_t, size_t count) {
    values.insert(values.end(), run, run + count);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return values;
}

TEST(StoredPartTest, TransposedExchangesRowsAndColumns) {
  const std::vector<uint8_t> bytes = Counting(6);
  const auto values = ReadAsRole({Stored::kTransposed, 0, 1}, {3, 2}, PackedView(SKEIN_DTYPE_F32, {2, 3}, bytes));
  ASSERT_TRUE(values.ok()) << values.status();
  EXPECT_THAT(*values, ElementsAre(0, 3, 1, 4, 2, 5));
}

TEST(StoredPartTest, RowOfAStackOfVectorsOrMatrices) {
  const std::vector<uint8_t> bytes = Counting(12);
  const auto vector = ReadAsRole({Stored::kRow, 2, 3}, {4}, PackedView(SKEIN_DTYPE_F32, {3, 1, 1, 4}, bytes));
  ASSERT_TRUE(vector.ok()) << vector.status();
  EXPECT_THAT(*vector, ElementsAre(8, 9, 10, 11));
  const auto matrix = ReadAsRole({Stored::kRow, 1, 2}, {3, 2}, PackedView(SKEIN_DTYPE_F32, {2, 3, 2}, bytes));
  ASSERT_TRUE(matrix.ok()) << matrix.status();
  EXPECT_THAT(*matrix, ElementsAre(6, 7, 8, 9, 10, 11));
}

TEST(StoredPartTest, TransposedRowOfAStack) {
  const std::vector<uint8_t> bytes = Counting(12);
  const auto values = ReadAsRole({Stored::kTransposedRow, 1, 2}, {3, 2}, PackedView(SKEIN_DTYPE_F32, {2, 2, 3}, bytes));
  ASSERT_TRUE(values.ok()) << values.status();
  EXPECT_THAT(*values, ElementsAre(6, 9, 7, 10, 8, 11));
}

TEST(StoredPartTest, RowsOfATallMatrixAndColumnsOfAWideOne) {
  const std::vector<uint8_t> bytes = Counting(12);
  const auto rows = ReadAsRole({Stored::kRows, 1, 2}, {2, 3}, PackedView(SKEIN_DTYPE_F32, {4, 3}, bytes));
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_THAT(*rows, ElementsAre(6, 7, 8, 9, 10, 11));
  const auto columns = ReadAsRole({Stored::kColumns, 1, 2}, {2, 3}, PackedView(SKEIN_DTYPE_F32, {3, 4}, bytes));
  ASSERT_TRUE(columns.ok()) << columns.status();
  EXPECT_THAT(*columns, ElementsAre(2, 6, 10, 3, 7, 11));
}

TEST(StoredPartTest, ReshapedKeepsTheOrderAlsoWhereTheStoredTensorIsNotPacked) {
  const std::vector<uint8_t> bytes = Counting(6);
  const StoredPart reshaped = {Stored::kReshaped, 0, 1};
  const auto packed = ReadAsRole(reshaped, {2, 3}, PackedView(SKEIN_DTYPE_F32, {3, 2, 1}, bytes));
  ASSERT_TRUE(packed.ok()) << packed.status();
  EXPECT_THAT(*packed, ElementsAre(0, 1, 2, 3, 4, 5));
  const TensorView turned = {SKEIN_DTYPE_F32, {3, 1, 2}, {1, 6, 3}, bytes.data()};  // a [2, 3] seen as [3, 2]
  const auto strided = ReadAsRole(reshaped, {6}, turned);
  ASSERT_TRUE(strided.ok()) << strided.status();
  EXPECT_THAT(*strided, ElementsAre(0, 3, 1, 4, 2, 5));
}

TEST(StoredPartTest, DimensionsOfSizeOneAreDroppedFromTheBack) {
  EXPECT_THAT(SqueezedDims(std::vector<uint64_t>{1, 1, 8}, 1), ElementsAre(2));
  EXPECT_THAT(SqueezedDims(std::vector<uint64_t>{1, 8}, 2), ElementsAre(0, 1));
  EXPECT_THAT(SqueezedDims(std::vector<uint64_t>{1, 8, 1}, 2), ElementsAre(0, 1));
  EXPECT_THAT(SqueezedDims(std::vector<uint64_t>{2, 8, 1}, 2), ElementsAre(0, 1));
  EXPECT_THAT(SqueezedDims(std::vector<uint64_t>{2, 8, 3}, 2), ElementsAre(0, 1, 2));
}

TEST(StoredPartTest, AnotherShapeNamesWhatWasExpected) {
  const std::vector<uint8_t> bytes = Counting(12);
  const auto wide = ReadAsRole({Stored::kColumns, 1, 2}, {2, 4}, PackedView(SKEIN_DTYPE_F32, {3, 4}, bytes));
  EXPECT_EQ(wide.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(wide.status().message()),
              AllOf(HasSubstr("tensor \"t\": expected [4, 4]"), HasSubstr("found [3, 4]")));
  const auto reshaped = ReadAsRole({Stored::kReshaped, 0, 1}, {2, 3}, PackedView(SKEIN_DTYPE_F32, {3, 4}, bytes));
  EXPECT_EQ(reshaped.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(StoredPartTest, ThePlaceInAPackedTensorIsWhereItIsReadFrom) {
  const std::vector<uint64_t> role_shape = {3, 2};
  for (const Stored stored :
       {Stored::kAsRole, Stored::kTransposed, Stored::kRow, Stored::kTransposedRow, Stored::kRows, Stored::kColumns}) {
    const bool is_whole = stored == Stored::kAsRole || stored == Stored::kTransposed;
    const StoredPart part = {stored, static_cast<uint8_t>(is_whole ? 0 : 1), static_cast<uint8_t>(is_whole ? 1 : 3)};
    const std::vector<uint8_t> bytes = Counting(6 * part.num_parts);
    const auto values = ReadAsRole(part, role_shape, PackedView(SKEIN_DTYPE_F32, StoredShape(part, role_shape), bytes));
    ASSERT_TRUE(values.ok()) << values.status();
    const PartLayout layout = LayoutInPacked(part, role_shape);
    for (uint64_t i = 0; i < 3; ++i) {
      for (uint64_t j = 0; j < 2; ++j) {
        EXPECT_EQ((*values)[i * 2 + j], layout.offset + i * layout.strides[0] + j * layout.strides[1]);
      }
    }
  }
}

// Q8_0: a scale of 1 and the numbers 0, 1, 2, ... modulo 100 as they are.
class StoredInBlocksTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kColumns = 64, kRows = 4;

  StoredInBlocksTest() {
    for (uint64_t block = 0; block < kRows * kColumns / 32; ++block) {
      bytes_.push_back(0x00);  // 1.0 as float16
      bytes_.push_back(0x3c);
      for (uint64_t i = 0; i < 32; ++i) bytes_.push_back(static_cast<uint8_t>((block * 32 + i) % 100));
    }
  }

  static float Expected(uint64_t row, uint64_t column) { return static_cast<float>((row * kColumns + column) % 100); }

  std::vector<uint8_t> bytes_;
};

TEST_F(StoredInBlocksTest, RunsOfRowsAreReadInPlace) {
  std::vector<uint8_t> scratch;
  const auto values = ReadAsRole({Stored::kRows, 1, 2}, {2, kColumns},
                                 PackedView(SKEIN_DTYPE_GGML_Q8_0, {kRows, kColumns}, bytes_), &scratch);
  ASSERT_TRUE(values.ok()) << values.status();
  EXPECT_TRUE(scratch.empty());
  for (uint64_t i = 0; i < 2 * kColumns; ++i) EXPECT_EQ((*values)[i], Expected(2 + i / kColumns, i % kColumns));
}

TEST_F(StoredInBlocksTest, WhatWouldHaveToBeTurnedOrCutIsUnpacked) {
  std::vector<uint8_t> scratch;
  const TensorView stored = PackedView(SKEIN_DTYPE_GGML_Q8_0, {kRows, kColumns}, bytes_);
  const auto turned = ReadAsRole({Stored::kTransposed, 0, 1}, {kColumns, kRows}, stored, &scratch);
  ASSERT_TRUE(turned.ok()) << turned.status();
  EXPECT_FALSE(scratch.empty());
  for (uint64_t i = 0; i < kRows * kColumns; ++i) EXPECT_EQ((*turned)[i], Expected(i % kRows, i / kRows));
  const auto cut = ReadAsRole({Stored::kColumns, 3, 4}, {16, kRows}, stored, &scratch);
  ASSERT_TRUE(cut.ok()) << cut.status();
  for (uint64_t i = 0; i < 16 * kRows; ++i) EXPECT_EQ((*cut)[i], Expected(i % kRows, 48 + i / kRows));
}

TEST_F(StoredInBlocksTest, UnpackingMayStartFromTheScratchItself) {
  std::vector<uint8_t> scratch = bytes_;
  const TensorView stored = PackedView(SKEIN_DTYPE_GGML_Q8_0, {kRows, kColumns}, scratch);
  const auto turned = ReadAsRole({Stored::kTransposed, 0, 1}, {kColumns, kRows}, stored, &scratch);
  ASSERT_TRUE(turned.ok()) << turned.status();
  EXPECT_EQ((*turned)[5 * kRows + 3], Expected(3, 5));
}

}  // namespace
}  // namespace skein
