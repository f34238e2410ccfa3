// What the check says of a switch's default by the times of steps with and without it.
#include <gtest/gtest.h>

#include "cuda/check/gain.h"

namespace skein::check {
namespace {

constexpr double kNoise = 0.03;

// As many steps as the check times, each of 100 microseconds.
StepTimes Plain() {
  StepTimes times;
  for (const char* type : {"", "q8/"}) {
    for (const char* step : {"decode/1", "decode/4", "decode/32", "decode/128", "prompt/512", "export", "import"}) {
      times[std::string(type) + step] = 100;
    }
  }
  return times;
}

StepTimes With(const StepTimes& changed) {
  StepTimes times = Plain();
  for (const auto& [step, time] : changed) times[step] = time;
  return times;
}

// A mean over all steps would say 1.03 of a kind of step that is half as fast again.
TEST(CheckGainTest, AGainForOneKindOfStepIsAGain) {
  const Gain gain = GainOf(Plain(), With({{"prompt/512", 67}}), kNoise);
  EXPECT_TRUE(gain.is_good());
  EXPECT_EQ(AdviceFor(gain), "turn on by default");
  EXPECT_NEAR(gain.most, 1.49, 0.01);
  EXPECT_NEAR(gain.least, 1, 0.01);
}

TEST(CheckGainTest, ASwitchThatSlowsOthersDownIsForWhereItIsFaster) {
  const Gain gain = GainOf(Plain(), With({{"decode/1", 80}, {"decode/128", 110}}), kNoise);
  EXPECT_TRUE(gain.is_good());
  EXPECT_EQ(AdviceFor(gain), "turn on where it is faster");
}

TEST(CheckGainTest, ASwitchThatIsSlowerAltogetherIsNotGood) {
  const Gain gain = GainOf(Plain(), With({{"decode/1", 95}, {"decode/32", 130}, {"decode/128", 130}}), kNoise);
  EXPECT_FALSE(gain.is_good());
  EXPECT_EQ(AdviceFor(gain), "turn on where it is faster");
}

TEST(CheckGainTest, NoiseIsNoGain) {
  const Gain gain = GainOf(Plain(), With({{"decode/1", 98}, {"export", 92}, {"q8/import", 108}}), kNoise);
  EXPECT_FALSE(gain.is_faster_somewhere);
  EXPECT_FALSE(gain.is_slower_somewhere);
  EXPECT_EQ(AdviceFor(gain), "keep off: not faster");
}

TEST(CheckGainTest, StepsThatWereNotTimedSayNothing) {
  const Gain gain = GainOf(Plain(), {}, kNoise);
  EXPECT_EQ(gain.text, "");
  EXPECT_EQ(AdviceFor(gain), "keep off: not faster");
}

}  // namespace
}  // namespace skein::check
