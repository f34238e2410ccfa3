#include "abi/guard.h"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>

#include "base/status.h"
#include "tests/support/failing_allocator.h"

namespace skein::abi {
namespace {

TEST(GuardTest, TellsWhenToTryAgain) {
  skein_error error = {};
  EXPECT_EQ(Guard(&error, [] { return WithRetryAfter(absl::ResourceExhaustedError("full"), 40); }),
            SKEIN_RESOURCE_EXHAUSTED);
  EXPECT_EQ(error.retry_after_ms, 40u);
  EXPECT_STREQ(error.message, "full");
  EXPECT_EQ(Guard(&error, [] { return absl::OkStatus(); }), SKEIN_OK);
  EXPECT_EQ(error.retry_after_ms, 0u);
}

TEST(GuardTest, TurnsExceptionsIntoCodesWithoutMemory) {
  skein_error error = {};
  test::AllocationFault fault(0, test::AllocatingThreads::kThis, test::AllocationFault::kForever);
  const skein_status status = Guard(&error, []() -> absl::Status { throw std::bad_alloc(); });
  fault.Disarm();
  EXPECT_EQ(status, SKEIN_RESOURCE_EXHAUSTED);
  EXPECT_STREQ(error.message, "out of memory");
  EXPECT_EQ(Guard(&error, []() -> absl::Status { throw std::logic_error("wrong"); }), SKEIN_INTERNAL);
  EXPECT_STREQ(error.message, "wrong");
}

TEST(GuardTest, AStatusThatThereWasNoMemoryForHasAMessage) {
  skein_error error = {};
  EXPECT_EQ(Guard(&error, [] { return absl::Status(absl::StatusCode::kResourceExhausted, ""); }),
            SKEIN_RESOURCE_EXHAUSTED);
  EXPECT_STREQ(error.message, "out of memory");
}

}  // namespace
}  // namespace skein::abi
