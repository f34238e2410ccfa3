#include "abi/handle.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#include "tests/support/failing_allocator.h"

namespace skein::abi {
namespace {

constexpr uint32_t kKind = 3;

std::unique_ptr<HandleTable> NewTable() { return std::make_unique<HandleTable>(); }

TEST(HandleTableTest, FindsWhatWasInserted) {
  const auto table = NewTable();
  const auto object = std::make_shared<int>(5);
  const uint64_t value = table->Insert(kKind, object);
  EXPECT_EQ(table->Find(kKind, value), object);
}

TEST(HandleTableTest, ValuesAreExactInADouble) {
  const auto table = NewTable();
  for (uint32_t kind = 1; kind <= 15; ++kind) {
    EXPECT_LT(table->Insert(kind, std::make_shared<int>(0)), uint64_t{1} << 53);
  }
}

TEST(HandleTableTest, AnotherKindAndGarbageAreNotFound) {
  const auto table = NewTable();
  const uint64_t value = table->Insert(kKind, std::make_shared<int>(5));
  EXPECT_EQ(table->Find(kKind + 1, value), nullptr);
  for (const uint64_t garbage : {uint64_t{0}, uint64_t{1}, value + 1, value ^ (uint64_t{1} << 24), ~uint64_t{0},
                                 value | uint64_t{1} << 52, uint64_t{0xdeadbeef}}) {
    EXPECT_EQ(table->Find(kKind, garbage), nullptr) << garbage;
  }
}

TEST(HandleTableTest, ReleasedValueIsNeverFoundAgainThoughItsEntryIsReused) {
  const auto table = NewTable();
  const uint64_t first = table->Insert(kKind, std::make_shared<int>(1));
  EXPECT_NE(table->Remove(kKind, first), nullptr);
  const uint64_t second = table->Insert(kKind, std::make_shared<int>(2));
  EXPECT_NE(first, second);
  EXPECT_EQ(first & 0xFFFFFF, second & 0xFFFFFF);
  EXPECT_EQ(table->Find(kKind, first), nullptr);
  EXPECT_EQ(table->Remove(kKind, first), nullptr);
  EXPECT_EQ(*std::static_pointer_cast<int>(table->Find(kKind, second)), 2);
}

TEST(HandleTableTest, RemoveLetsGoOfTheObject) {
  const auto table = NewTable();
  auto object = std::make_shared<int>(1);
  const std::weak_ptr<int> weak = object;
  const uint64_t value = table->Insert(kKind, std::move(object));
  table->Remove(kKind, value);
  EXPECT_TRUE(weak.expired());
}

TEST(HandleTableTest, RemovingNeedsNoMemoryAndInsertingThatFailsLosesNothing) {
  const auto table = NewTable();
  const auto object = std::make_shared<int>(1);
  test::AllocationFault fault(0, test::AllocatingThreads::kThis, test::AllocationFault::kForever);
  bool threw = false;
  try {
    table->Insert(kKind, object);
  } catch (const std::bad_alloc&) {
    threw = true;
  }
  fault.Disarm();
  EXPECT_TRUE(threw);
  std::vector<uint64_t> values;
  for (int i = 0; i < 5000; ++i) values.push_back(table->Insert(kKind, object));
  test::AllocationFault none(0, test::AllocatingThreads::kThis, test::AllocationFault::kForever);
  size_t num_removed = 0;
  for (const uint64_t value : values) num_removed += table->Remove(kKind, value) != nullptr ? 1 : 0;
  none.Disarm();
  EXPECT_EQ(num_removed, values.size());
}

TEST(HandleTableTest, EntryIsRetiredWhenItsGenerationsAreUsedUp) {
  const auto table = NewTable();
  const auto object = std::make_shared<int>(1);
  const uint64_t first = table->Insert(kKind, object);
  table->Remove(kKind, first);
  uint64_t value = 0;
  for (uint64_t i = 1; i < (uint64_t{1} << 24) - 1; ++i) {
    value = table->Insert(kKind, object);
    table->Remove(kKind, value);
  }
  EXPECT_EQ(value & 0xFFFFFF, first & 0xFFFFFF);
  EXPECT_EQ(value >> 24 & 0xFFFFFF, 0xFFFFFFu);
  const uint64_t next = table->Insert(kKind, object);
  EXPECT_NE(next & 0xFFFFFF, first & 0xFFFFFF);
  EXPECT_EQ(table->Find(kKind, first), nullptr);
}

TEST(HandleTableTest, OneOfManyThreadsReleasesAndReadersSeeTheObjectOrNothing) {
  const auto table = NewTable();
  for (int round = 0; round < 200; ++round) {
    const uint64_t value = table->Insert(kKind, std::make_shared<int>(round));
    std::atomic<int> released{0};
    std::atomic<bool> wrong{false};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 20; ++i) {
          const auto object = table->Find(kKind, value);
          if (object != nullptr && *std::static_pointer_cast<int>(object) != round) wrong = true;
        }
        if (t % 2 == 0 && table->Remove(kKind, value) != nullptr) ++released;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(released, 1);
    EXPECT_FALSE(wrong);
    EXPECT_EQ(table->Find(kKind, value), nullptr);
  }
}

}  // namespace
}  // namespace skein::abi
