// The contract of fences and devices: a step may end after the call that began it, and a model may lie on all devices
// of a plugin. A backend without fences passes, because all its steps are done at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "tests/conformance/backend_contract.h"
#include "tests/conformance/one_step.h"

namespace skein::conformance {
namespace {

TEST_P(BackendContract, FencesHaveAllTheirFunctionsOrNone) {
  const skein_backend_table& table = plugin_.table();
  const bool has_done = SKEIN_HAS(skein_backend_table, &table, fence_done);
  EXPECT_EQ(SKEIN_HAS(skein_backend_table, &table, fence_wait), has_done);
  EXPECT_EQ(SKEIN_HAS(skein_backend_table, &table, fence_release), has_done);
}

TEST_P(BackendContract, AStepIsDoneWhenItsFenceIs) {
  SegmentHandle segment(device_, Desc());
  ASSERT_TRUE(segment.Load(TensorsOf(model_, Desc()))) << segment.message();
  const OneStep step(plugin_, segment, kInitial, 0);
  EXPECT_EQ(step.Wait(), SKEIN_OK);
  EXPECT_TRUE(step.is_done());
  EXPECT_EQ(step.status(), SKEIN_OK);
  EXPECT_EQ(step.Wait(0), SKEIN_OK) << "a second wait says the same";
  Pipeline pipeline(device_, model_);
  EXPECT_EQ(step.logits(), pipeline.Feed(0, {1, 1}, 2));
}

TEST_P(BackendContract, AWaitWithADeadlineSaysThatTheStepIsUnderWayOrDone) {
  SegmentHandle segment(device_, Desc());
  ASSERT_TRUE(segment.Load(TensorsOf(model_, Desc()))) << segment.message();
  const OneStep step(plugin_, segment, kInitial, 0);
  int32_t status = step.Wait(0);
  while (status == SKEIN_DEADLINE_EXCEEDED) status = step.Wait(100);
  EXPECT_EQ(status, SKEIN_OK);
  EXPECT_TRUE(step.is_done());
}

TEST_P(BackendContract, AnyThreadMayWait) {
  SegmentHandle segment(device_, Desc());
  ASSERT_TRUE(segment.Load(TensorsOf(model_, Desc()))) << segment.message();
  const OneStep step(plugin_, segment, kInitial, 0);
  std::vector<int32_t> statuses(3, -1);
  std::vector<std::thread> threads;
  for (int32_t& status : statuses) threads.emplace_back([&step, &status] { status = step.Wait(); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(statuses, testing::Each(SKEIN_OK));
}

TEST_P(BackendContract, StepsBehindAnUnfinishedOneEndInOrder) {
  Pipeline pipeline(device_, model_);
  const std::vector<float> expected = pipeline.Feed(0, {1, 1, 1, 1, 1, 1}, 2);
  SegmentHandle segment(device_, Desc());
  ASSERT_TRUE(segment.Load(TensorsOf(model_, Desc()))) << segment.message();
  const OneStep first(plugin_, segment, kInitial, 0);
  const OneStep second(plugin_, segment, 0, 1);
  const OneStep third(plugin_, segment, 1, 0);
  EXPECT_EQ(third.Wait(), SKEIN_OK);
  EXPECT_TRUE(first.is_done());
  EXPECT_TRUE(second.is_done());
  std::vector<float> logits = first.logits();
  logits.insert(logits.end(), second.logits().begin(), second.logits().end());
  logits.insert(logits.end(), third.logits().begin(), third.logits().end());
  EXPECT_EQ(logits, expected);
}

TEST_P(BackendContract, AStepThatEndsBadlySaysSoToItsWait) {
  SegmentHandle segment(device_, Desc());
  ASSERT_TRUE(segment.Load(TensorsOf(model_, Desc()))) << segment.message();
  RawStep raw(1);
  raw.Add(8, 0, 0, 1);  // no such slot
  EXPECT_FALSE(segment.Step(raw.Get()));
  EXPECT_EQ(segment.status(), SKEIN_OUT_OF_RANGE);
  const OneStep next(plugin_, segment, kInitial, 0);
  EXPECT_EQ(next.Wait(), SKEIN_OK) << "the segment goes on";
}

// --- devices ---

TEST_P(BackendContract, AModelOverAllDevicesIsTheModelOnOne) {
  std::vector<std::unique_ptr<Device>> devices;
  std::vector<const Device*> places;
  for (uint32_t i = 0; i < plugin_.num_devices(); ++i) {
    devices.push_back(std::make_unique<Device>(plugin_, host_, i));
    places.push_back(devices.back().get());
  }
  Pipeline whole(device_, model_);
  Pipeline parts(places, model_, {.cuts = {1}});
  const std::vector<float> expected = whole.Feed(0, Tokens(7), 3);
  const std::vector<float> logits = parts.Feed(0, Tokens(7), 3);
  ASSERT_EQ(logits.size(), expected.size());
  for (size_t i = 0; i < logits.size(); ++i) ASSERT_NEAR(logits[i], expected[i], 1e-4);
}

TEST_P(BackendContract, DevicesHaveNamesOfTheirOwn) {
  std::vector<std::string> names;
  for (uint32_t i = 0; i < plugin_.num_devices(); ++i) names.emplace_back(plugin_.DeviceInfo(i).name);
  for (const std::string& name : names) EXPECT_THAT(names, testing::Contains(name).Times(1));
  skein_backend_device info = {};
  info.struct_size = sizeof(info);
  skein_message message = {};
  EXPECT_NE(plugin_.table().device_info(plugin_.num_devices(), &info, &message), SKEIN_OK);
}

}  // namespace
}  // namespace skein::conformance
