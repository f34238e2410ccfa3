#include "state/disk_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <string>

#include "base/checksum.h"

namespace skein {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kChecksumOffset = 128;  // of a block's header

DiskBlockContent Example() {
  DiskBlockContent content;
  content.index = 7;
  content.write_number = 12;
  content.state_checksum = 99;
  content.tokens_checksum = 98;
  content.has_label = true;
  content.num_tokens = 3;
  content.scope = "scope";
  return content;
}

// The message with which a header is refused that `change` has changed, with a right checksum.
std::string RefusalOf(const std::function<void(DiskBlockHeader&)>& change) {
  DiskBlockHeader header = WriteDiskBlockHeader(Example(), "model");
  change(header);
  const uint64_t checksum = Checksum(header.data(), kChecksumOffset);
  std::memcpy(header.data() + kChecksumOffset, &checksum, sizeof(checksum));
  return std::string(ReadDiskBlockHeader(header, DiskLayout::For(1000), "model", 7).status().message());
}

std::function<void(DiskBlockHeader&)> Set(size_t offset, uint32_t value) {
  return [=](DiskBlockHeader& header) { std::memcpy(header.data() + offset, &value, sizeof(value)); };
}

TEST(DiskLayoutTest, BlockHoldsHeaderStateAndTokensInWholePages) {
  for (const uint64_t state_bytes : {1ull, 4096ull, 100'000ull, 6'488'064ull, 1ull << 40}) {
    const DiskLayout layout = DiskLayout::For(state_bytes);
    EXPECT_EQ(layout.block_bytes % 4096, 0u);
    EXPECT_GE(layout.max_tokens, 4096u);
    EXPECT_LE(layout.TokensOffset(3) + layout.max_tokens * 4, layout.BlockOffset(4));
  }
}

TEST(DiskLayoutTest, BlockHeaderIsReadAsItWasWritten) {
  const auto read = ReadDiskBlockHeader(WriteDiskBlockHeader(Example(), "model"), DiskLayout::For(1000), "model", 7);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->index, 7u);
  EXPECT_EQ(read->write_number, 12u);
  EXPECT_EQ(read->state_checksum, 99u);
  EXPECT_EQ(read->tokens_checksum, 98u);
  EXPECT_TRUE(read->has_label);
  EXPECT_EQ(read->num_tokens, 3u);
  EXPECT_EQ(read->scope, "scope");
}

TEST(DiskLayoutTest, EachFlippedBitOfABlockHeaderIsFound) {
  const DiskBlockHeader header = WriteDiskBlockHeader(Example(), "model");
  for (size_t bit = 0; bit < header.size() * 8; ++bit) {
    DiskBlockHeader flipped = header;
    flipped[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
    EXPECT_EQ(ReadDiskBlockHeader(flipped, DiskLayout::For(1000), "model", 7).status().code(),
              absl::StatusCode::kDataLoss)
        << "bit " << bit;
  }
}

TEST(DiskLayoutTest, ImpossibleFieldsOfABlockHeaderAreRefusedDespiteARightChecksum) {
  EXPECT_THAT(RefusalOf(Set(0, 0)), HasSubstr("found other bytes"));
  EXPECT_THAT(RefusalOf(Set(8, 2)), HasSubstr("unknown field"));
  EXPECT_THAT(RefusalOf(Set(8, 0)), HasSubstr("says that there is none"));
  EXPECT_THAT(RefusalOf(Set(12, 65)), HasSubstr("a scope of 65 bytes"));
  EXPECT_THAT(RefusalOf(Set(12, 4)), HasSubstr("zeros after them"));
  EXPECT_THAT(RefusalOf(Set(16, 4097)), HasSubstr("4097 tokens; expected 4096 at most"));
  EXPECT_THAT(RefusalOf(Set(20, 1)), HasSubstr("unknown field"));
  EXPECT_THAT(RefusalOf(Set(24, 8)), HasSubstr("that of block 8"));
  EXPECT_THAT(RefusalOf(Set(32, 0)), HasSubstr("impossible number of a write 0"));
  EXPECT_THAT(RefusalOf(Set(36, 0x80000000)), HasSubstr("impossible number of a write"));
  EXPECT_THAT(RefusalOf(Set(56, 1)), HasSubstr("another model"));
}

TEST(DiskLayoutTest, FileIsOursOnlyWithTheSameModelAndSizes) {
  const DiskLayout layout = DiskLayout::For(1000);
  const DiskFileHeader header = WriteDiskFileHeader(layout, "model");
  EXPECT_EQ(KindOfDiskFile(header, layout, "model"), DiskFileKind::kOurs);
  EXPECT_EQ(KindOfDiskFile(header, layout, "another"), DiskFileKind::kForeign);
  EXPECT_EQ(KindOfDiskFile(header, DiskLayout::For(1001), "model"), DiskFileKind::kForeign);
  EXPECT_EQ(KindOfDiskFile({}, layout, "model"), DiskFileKind::kUnfinished);
  for (size_t bit = 0; bit < header.size() * 8; ++bit) {
    DiskFileHeader flipped = header;
    flipped[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
    EXPECT_EQ(KindOfDiskFile(flipped, layout, "model"), DiskFileKind::kForeign) << "bit " << bit;
  }
}

}  // namespace
}  // namespace skein
