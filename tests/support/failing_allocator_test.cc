#include "tests/support/failing_allocator.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "tests/support/host.h"

namespace skein::test {
namespace {

// The compiler may leave out a new whose result is not used.
bool CanAllocate() {
  void* memory = ::operator new(16, std::nothrow);
  ::operator delete(memory);
  return memory != nullptr;
}

TEST(FailingAllocatorTest, FailsTheAllocationThatWasAskedForAndNoOther) {
  AllocationFault fault(1);
  const bool before = CanAllocate();
  const bool asked_for = CanAllocate();
  const bool after = CanAllocate();
  fault.Disarm();
  EXPECT_TRUE(before);
  EXPECT_FALSE(asked_for);
  EXPECT_TRUE(after);
  EXPECT_TRUE(fault.failed());
  EXPECT_EQ(fault.count(), 3u);
}

TEST(FailingAllocatorTest, CountsTheThreadsThatWereAskedFor) {
  const auto can_allocate_while_all_fail_for = [](AllocatingThreads threads) {
    const AllocationFault fault(0, threads, AllocationFault::kForever);
    return CanAllocate();
  };
  EXPECT_FALSE(can_allocate_while_all_fail_for(AllocatingThreads::kThis));
  EXPECT_TRUE(can_allocate_while_all_fail_for(AllocatingThreads::kOthers));
}

TEST(FailingAllocatorTest, ReachesLibskein) {
  const OwnedOptions first = MakeOptions(SKEIN_OPTIONS_RUNTIME, {});
  OwnedOptions options;
  skein_status status = SKEIN_OK;
  const uint64_t num_points = WalkAllocations(
      AllocatingThreads::kAll, [&] { status = skein_options_create(SKEIN_OPTIONS_RUNTIME, options.out(), nullptr); },
      [&](uint64_t, bool failed) { EXPECT_EQ(status, failed ? SKEIN_RESOURCE_EXHAUSTED : SKEIN_OK); });
  EXPECT_GE(num_points, 1u);
}

TEST(FailingAllocatorTest, ReachesAlignedMemory) {
  AllocationFault fault(0);
  void* memory = std::aligned_alloc(64, 64);
  fault.Disarm();
  EXPECT_EQ(memory, nullptr);
  std::free(memory);
}

}  // namespace
}  // namespace skein::test
