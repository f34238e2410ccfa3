#include "state/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace skein {
namespace {

using ::testing::HasSubstr;

Snapshot Example() {
  Snapshot snapshot;
  snapshot.fingerprint = "0123456789abcdef0123456789abcdef";
  snapshot.generation = 5;
  snapshot.variant = 2;
  snapshot.position = 123456789012;
  snapshot.sample_index = 3;
  snapshot.pending = {42};
  snapshot.state = {1.5f, -0.0f, 3e-39f, 1e30f};
  return snapshot;
}

std::vector<uint8_t> Write(const Snapshot& snapshot) {
  std::vector<uint8_t> bytes(SnapshotBytes(snapshot.state.size()));
  WriteSnapshot(snapshot, absl::MakeSpan(bytes));
  return bytes;
}

TEST(SnapshotTest, ReadsBackWhatWasWritten) {
  const Snapshot written = Example();
  const auto read = ReadSnapshot(Write(written), 4);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->fingerprint, written.fingerprint);
  EXPECT_EQ(read->generation, 5u);
  EXPECT_EQ(read->variant, 2u);
  EXPECT_EQ(read->position, written.position);
  EXPECT_EQ(read->sample_index, 3u);
  EXPECT_EQ(read->pending, written.pending);
  ASSERT_EQ(read->state.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(read->state[i], written.state[i]);
    EXPECT_EQ(std::signbit(read->state[i]), std::signbit(written.state[i]));
  }
}

TEST(SnapshotTest, EveryTruncationIsDataLoss) {
  const std::vector<uint8_t> bytes = Write(Example());
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto read = ReadSnapshot({bytes.data(), size}, 4);
    EXPECT_TRUE(absl::IsDataLoss(read.status())) << size << ": " << read.status();
  }
}

TEST(SnapshotTest, EveryFlippedBitIsRefused) {
  std::vector<uint8_t> bytes = Write(Example());
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
    EXPECT_FALSE(ReadSnapshot(bytes, 4).ok()) << "bit " << bit;
    bytes[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
  }
  EXPECT_TRUE(ReadSnapshot(bytes, 4).ok());
}

TEST(SnapshotTest, StateOfAnotherSizeNamesBothSizes) {
  const auto read = ReadSnapshot(Write(Example()), 5);
  EXPECT_TRUE(absl::IsFailedPrecondition(read.status()));
  EXPECT_THAT(std::string(read.status().message()), HasSubstr("4 floats; this model's has 5"));
}

TEST(SnapshotTest, StateThatIsNotFiniteIsRefusedThoughItsChecksumIsRight) {
  Snapshot snapshot = Example();
  snapshot.state[2] = NAN;
  const auto read = ReadSnapshot(Write(snapshot), 4);
  EXPECT_TRUE(absl::IsDataLoss(read.status()));
  EXPECT_THAT(std::string(read.status().message()), HasSubstr("float 2"));
}

TEST(SnapshotTest, TrailingBytesAreRefused) {
  std::vector<uint8_t> bytes = Write(Example());
  bytes.push_back(0);
  EXPECT_TRUE(absl::IsDataLoss(ReadSnapshot(bytes, 4).status()));
}

}  // namespace
}  // namespace skein
