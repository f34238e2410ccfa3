#include "base/pages.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

namespace skein {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

TEST(PagesTest, AllBytesAreZeroAndTheCallers) {
  for (const uint64_t bytes : {uint64_t{1}, uint64_t{4096}, 2 * kMiB - 1, 2 * kMiB, 5 * kMiB + 12345}) {
    auto* const pages = static_cast<uint8_t*>(MapPages(bytes));
    ASSERT_NE(pages, nullptr);
    EXPECT_EQ(std::count(pages, pages + bytes, 0), static_cast<int64_t>(bytes));
    std::fill_n(pages, bytes, uint8_t{1});
    UnmapPages(pages, bytes);
  }
}

TEST(PagesTest, LargeOnesLieWhereHugePagesCan) {
  void* const pages = MapPages(3 * kMiB);
  EXPECT_EQ(reinterpret_cast<uint64_t>(pages) % (2 * kMiB), 0u);
  UnmapPages(pages, 3 * kMiB);
}

TEST(PagesTest, MemoryThatThereIsNotIsNotGiven) {
  EXPECT_EQ(MapPages(uint64_t{1} << 60), nullptr);
  UnmapPages(nullptr, 4096);
}

}  // namespace
}  // namespace skein
