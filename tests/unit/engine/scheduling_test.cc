#include "engine/scheduling.h"

#include <gtest/gtest.h>

namespace skein {
namespace {

constexpr StepPipeline kHost = {.depth = 1, .num_stages = 1};
constexpr StepPipeline kBeside = {.depth = 2, .num_stages = 1};

SegmentLimits Limits() {
  SegmentLimits limits;
  limits.max_tokens = 512;
  limits.max_entries = 64;
  return limits;
}

TEST(SchedulingTest, TimeOfAStepIsThatOfTheDevice) {
  const Options options(SKEIN_OPTIONS_MODEL);
  EXPECT_EQ(SchedulingOf(options, Limits(), kHost).step_us, 100'000);
  EXPECT_EQ(SchedulingOf(options, Limits(), kBeside).step_us, 25'000);
  EXPECT_GT(SchedulingOf(options, Limits(), kHost).step_stretch, 1) << "a large model takes longer for one token";
  EXPECT_EQ(SchedulingOf(options, Limits(), kHost).max_tokens, 512u);
  EXPECT_EQ(SchedulingOf(options, Limits(), kHost).max_entries, 64u);
  EXPECT_EQ(SchedulingOf(options, Limits(), kHost).max_running, 64u) << "as many as a step has room for";
}

TEST(SchedulingTest, OptionsSayIt) {
  Options options(SKEIN_OPTIONS_MODEL);
  ASSERT_TRUE(options.SetInt("step_time_ms", 40).ok());
  ASSERT_TRUE(options.SetInt("max_running", 7).ok());
  ASSERT_TRUE(options.SetInt("age_limit_ms", 300).ok());
  for (const StepPipeline& pipeline : {kHost, kBeside}) {
    const SchedulerLimits scheduling = SchedulingOf(options, Limits(), pipeline);
    EXPECT_EQ(scheduling.step_us, 40'000);
    EXPECT_EQ(scheduling.step_stretch, 1) << "who sets the time means it";
    EXPECT_EQ(scheduling.max_running, 7u);
    EXPECT_EQ(scheduling.age_limit_us, 300'000);
  }
}

}  // namespace
}  // namespace skein
