#include "files/package/output_file.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "base/file.h"
#include "gtest/gtest.h"
#include "tests/support/fake_format.h"

namespace skein {
namespace {

using ::skein::testing::TempFile;

constexpr uint64_t kMiB = uint64_t{1} << 20;

// One write to the file.
struct Write {
  uint64_t offset;
  uint64_t size;
};

// The file that the writes make, each with bytes of its own.
void ExpectFileOf(const std::vector<Write>& writes, uint64_t file_bytes) {
  const TempFile place("out.bin");
  const auto file = OutputFile::Create(place.path(), IfExists::kFail);
  ASSERT_TRUE(file.ok()) << file.status();
  std::string expected(file_bytes, '\0');
  std::mt19937 random(1);
  for (const Write& write : writes) {
    std::string data(write.size, '\0');
    for (char& byte : data) byte = static_cast<char>(random());
    ASSERT_TRUE((*file)->WriteAt(write.offset, data.data(), data.size()).ok());
    std::copy(data.begin(), data.end(), expected.begin() + static_cast<ptrdiff_t>(write.offset));
  }
  ASSERT_TRUE((*file)->SetSize(file_bytes).ok());
  ASSERT_TRUE((*file)->Commit().ok());
  EXPECT_TRUE(place.Read() == expected);
}

TEST(OutputFileTest, WritesThatFollowEachOtherMakeOneFile) {
  std::vector<Write> writes;
  uint64_t end = 0;
  for (const uint64_t size : {uint64_t{10}, 3 * kMiB, uint64_t{1}, kMiB, uint64_t{64}, 5 * kMiB + 7, uint64_t{0}}) {
    writes.push_back({end, size});
    end += size;
  }
  ExpectFileOf(writes, end);
}

TEST(OutputFileTest, WritesMayComeInAnyOrderAndLeaveGaps) {
  ExpectFileOf({{5 * kMiB, 100}, {0, 64}, {64, 2 * kMiB}, {3 * kMiB, 10}, {2 * kMiB - 1, 3}, {7 * kMiB, 0}}, 6 * kMiB);
}

TEST(OutputFileTest, TheLastWriteOfAPlaceCounts) {
  ExpectFileOf({{0, 100}, {100, 100}, {50, 100}, {0, 3 * kMiB}, {kMiB, 10}, {kMiB + 10, 10}, {kMiB + 5, 10}}, 3 * kMiB);
}

TEST(OutputFileTest, WhatIsNotCommittedLeavesNothing) {
  const TempFile place("out.bin");
  {
    const auto file = OutputFile::Create(place.path(), IfExists::kFail);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE((*file)->WriteAt(0, "text", 4).ok());
  }
  EXPECT_FALSE(File::Open(place.path(), FileAccess::kRead).ok());
}

}  // namespace
}  // namespace skein
