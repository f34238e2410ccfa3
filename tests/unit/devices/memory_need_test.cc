#include "devices/memory_need.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

namespace skein {
namespace {

using ::testing::HasSubstr;

skein_backend_device DeviceOf(const char* name, uint64_t memory_bytes) {
  skein_backend_device device = {};
  std::snprintf(device.name, sizeof(device.name), "%s", name);
  device.memory_bytes = memory_bytes;
  return device;
}

skein_segment_cost Cost(uint64_t weights, uint64_t slot, uint64_t scratch) {
  skein_segment_cost cost = {};
  cost.weights_bytes = weights;
  cost.slot_bytes = slot;
  cost.scratch_bytes = scratch;
  return cost;
}

TEST(MemoryNeedTest, TheSegmentsOfADeviceShareItsMemory) {
  MemoryNeed need;
  EXPECT_TRUE(need.Add(DeviceOf("gpu:0", 1000), Cost(300, 10, 100), 10).ok());
  EXPECT_TRUE(need.Add(DeviceOf("gpu:1", 1000), Cost(300, 10, 100), 10).ok());
  EXPECT_TRUE(need.Add(DeviceOf("gpu:0", 1000), Cost(300, 10, 100), 10).ok());
  const absl::Status status = need.Add(DeviceOf("gpu:0", 1000), Cost(1, 0, 0), 10);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("device gpu:0: the model needs 1001 bytes there; expected at most 1000"));
}

TEST(MemoryNeedTest, MemoryThatIsNotKnownHasTheLimitOfAnyMachine) {
  EXPECT_TRUE(MemoryNeed().Add(DeviceOf("cpu", 0), Cost(uint64_t{1} << 50, 1, 1), 8).ok());
  for (const skein_segment_cost& cost :
       {Cost(uint64_t{1} << 63, 0, 0), Cost(0, uint64_t{1} << 63, 0), Cost(0, 0, uint64_t{1} << 63),
        Cost(UINT64_MAX, UINT64_MAX, UINT64_MAX), Cost(0, uint64_t{1} << 62, 0)}) {
    EXPECT_TRUE(absl::IsResourceExhausted(MemoryNeed().Add(DeviceOf("cpu", 0), cost, 4)));
    EXPECT_TRUE(absl::IsResourceExhausted(MemoryNeed().Add(DeviceOf("cpu", UINT64_MAX), cost, 4)));
  }
}

TEST(MemoryNeedTest, ASumThatOverflowsIsNotForgotten) {
  MemoryNeed need;
  EXPECT_FALSE(need.Add(DeviceOf("cpu", 0), Cost(UINT64_MAX, 1, 1), 1).ok());
  EXPECT_FALSE(need.Add(DeviceOf("cpu", 0), Cost(1, 0, 0), 1).ok());
}

}  // namespace
}  // namespace skein
