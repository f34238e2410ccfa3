// Walks through the allocations of one call of the C ABI, for the tests of memory that runs out.
#ifndef SKEIN_TESTS_INTEGRATION_ALLOCATION_WALK_H_
#define SKEIN_TESTS_INTEGRATION_ALLOCATION_WALK_H_

#include <gtest/gtest.h>
#include <skein/skein.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <string>

#include "tests/support/failing_allocator.h"
#include "tests/support/host.h"

namespace skein::test {

// The number of allocations that fail: one, or all from it until the call returns.
class AllocationWalk : public ::testing::TestWithParam<uint64_t> {
 protected:
  // Walks through the allocations of `call`. `undo` follows a call that succeeded.
  void Walk(
      const std::function<skein_status(skein_error*)>& call, const std::function<void()>& undo = [] {}) {
    skein_status status = SKEIN_OK;
    skein_error error = {};
    uint64_t num_refused = 0;
    const auto attempt = [&] { status = call(&error); };
    const auto check = [&](uint64_t index, bool failed) {
      EXPECT_EQ(error.code, status);
      EXPECT_EQ(error.message_bytes, std::strlen(error.message));
      if (status == SKEIN_OK) {
        undo();
        return;
      }
      EXPECT_TRUE(failed) << error.message;
      EXPECT_EQ(status, SKEIN_RESOURCE_EXHAUSTED) << "allocation " << index << ": " << error.message;
      ++num_refused;
    };
    const uint64_t num_points = WalkAllocations(AllocatingThreads::kAll, attempt, check, GetParam());
    EXPECT_EQ(status, SKEIN_OK) << error.message;
    RecordProperty("points", std::to_string(num_points));
    RecordProperty("refused", std::to_string(num_refused));
  }

  // A call that succeeds whichever allocation fails.
  void WalkRelease(const std::function<void()>& make, const std::function<skein_status(skein_error*)>& release) {
    make();
    skein_error error = {};
    AllocationFault fault(0, AllocatingThreads::kThis, AllocationFault::kForever);
    const skein_status status = release(&error);
    fault.Disarm();
    EXPECT_TRUE(Ok(status, error));
  }
};

inline std::string FailuresName(const ::testing::TestParamInfo<uint64_t>& info) {
  return info.param == 1 ? "One" : "AllThatFollow";
}

}  // namespace skein::test

#endif  // SKEIN_TESTS_INTEGRATION_ALLOCATION_WALK_H_
