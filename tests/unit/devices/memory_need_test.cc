#include "devices/memory_need.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace skein {
namespace {

const MemoryBudget kThousand = {.bytes = 1000, .reason = "its memory"};

skein_segment_cost Cost(uint64_t weights, uint64_t slot, uint64_t scratch) {
  skein_segment_cost cost = {};
  cost.weights_bytes = weights;
  cost.slot_bytes = slot;
  cost.scratch_bytes = scratch;
  return cost;
}

TEST(MemoryNeedTest, TheSegmentsOfADeviceShareItsMemory) {
  MemoryNeed need;
  EXPECT_TRUE(need.Add("gpu:0", kThousand, Cost(300, 10, 100), 10).ok());
  EXPECT_TRUE(need.Add("gpu:1", kThousand, Cost(300, 10, 100), 10).ok());
  EXPECT_TRUE(need.Add("gpu:0", kThousand, Cost(300, 10, 100), 10).ok());
  const absl::Status status = need.Add("gpu:0", kThousand, Cost(1, 0, 0), 10);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(std::string(status.message()),
            "device gpu:0 is full: the model needs 1001 bytes there, 1 byte more than the 1000 bytes that it may take "
            "(its memory): weights 601 bytes, states 200 bytes in 10 slots, scratch 200 bytes");
}

TEST(MemoryNeedTest, NumbersThatNoMachineHasAreRefused) {
  const MemoryBudget most = BudgetOf(0, 0, std::nullopt);
  EXPECT_TRUE(MemoryNeed().Add("cpu", most, Cost(uint64_t{1} << 50, 1, 1), 8).ok());
  for (const skein_segment_cost& cost :
       {Cost(uint64_t{1} << 63, 0, 0), Cost(0, uint64_t{1} << 63, 0), Cost(0, 0, uint64_t{1} << 63),
        Cost(UINT64_MAX, UINT64_MAX, UINT64_MAX), Cost(0, uint64_t{1} << 62, 0)}) {
    EXPECT_TRUE(absl::IsResourceExhausted(MemoryNeed().Add("cpu", most, cost, 4)));
  }
}

TEST(MemoryNeedTest, ASumThatOverflowsIsNotForgotten) {
  const MemoryBudget most = BudgetOf(0, 0, std::nullopt);
  MemoryNeed need;
  EXPECT_FALSE(need.Add("cpu", most, Cost(UINT64_MAX, 1, 1), 1).ok());
  EXPECT_FALSE(need.Add("cpu", most, Cost(1, 0, 0), 1).ok());
}

}  // namespace
}  // namespace skein
