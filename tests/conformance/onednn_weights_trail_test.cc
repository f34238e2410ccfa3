#include <gtest/gtest.h>

#include <vector>

#include "onednn/weights_trail.h"

namespace skein::onednn {
namespace {

// How many lines a trail asks for until it says that there is no more.
uint64_t FetchAll(WeightsTrail& trail) {
  uint64_t lines = 0;
  while (trail.FetchLine()) ++lines;
  return lines;
}

TEST(OnednnWeightsTrail, FetchesNothingBeforeItHasSeenAStep) {
  WeightsTrail trail(3);
  trail.Restart();
  EXPECT_EQ(FetchAll(trail), 0u);
}

TEST(OnednnWeightsTrail, FetchesTheNextProductOfTheStepBeforeAndNoMoreThanItsShare) {
  std::vector<std::byte> first(10 * 64), second(3 * 64), large(2 * WeightsTrail::kMostBytes);
  WeightsTrail trail(3);
  trail.Restart();
  trail.Pass(first.data(), first.size());
  trail.Pass(second.data(), second.size());
  trail.Pass(large.data(), large.size());
  EXPECT_EQ(FetchAll(trail), 10u) << "after the last product comes the first of the next step";

  trail.Restart();
  trail.Pass(first.data(), first.size());
  EXPECT_EQ(FetchAll(trail), 3u);
  EXPECT_EQ(FetchAll(trail), 0u) << "once is enough";
  trail.Pass(second.data(), second.size());
  EXPECT_EQ(FetchAll(trail), WeightsTrail::kMostBytes / 64);
}

TEST(OnednnWeightsTrail, FollowsAStepThatIsCutOtherwise) {
  std::vector<std::byte> whole(8 * 64);
  WeightsTrail trail(3);
  for (const uint64_t lines : {8, 2, 5}) {
    trail.Restart();
    trail.Pass(whole.data(), lines * 64);
    EXPECT_EQ(FetchAll(trail), lines);
  }
}

TEST(OnednnWeightsTrail, FollowsNoMoreProductsThanItWasMadeFor) {
  std::vector<std::byte> first(4 * 64), second(6 * 64), third(8 * 64);
  WeightsTrail trail(2);
  for (int step = 0; step < 2; ++step) {
    trail.Restart();
    trail.Pass(first.data(), first.size());
    trail.Pass(second.data(), second.size());
    trail.Pass(third.data(), third.size());
  }
  trail.Restart();
  trail.Pass(first.data(), first.size());
  EXPECT_EQ(FetchAll(trail), 6u);
}

}  // namespace
}  // namespace skein::onednn
