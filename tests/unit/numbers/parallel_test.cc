#include "numbers/parallel.h"

#include <vector>

#include "gtest/gtest.h"
#include "tests/support/serial_host.h"

namespace skein {
namespace {

using ::skein::testing::SerialHost;

TEST(ParallelTest, EveryIndexIsCalledOnce) {
  std::vector<int> num_calls(100);
  ParallelEach(SerialHost(), num_calls.size(), [&](uint64_t index) { ++num_calls[index]; });
  EXPECT_EQ(num_calls, std::vector<int>(100, 1));
}

TEST(ParallelTest, NoIndexIsNoCall) {
  ParallelEach(SerialHost(), 0, [](uint64_t) { ADD_FAILURE(); });
}

}  // namespace
}  // namespace skein
