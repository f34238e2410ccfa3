// A process that ends while a device stalls, and a log that tells of a stalled step. Slow: both wait for real seconds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>

#include "tests/integration/late_devices.h"

namespace skein::test {
namespace {

using std::chrono::steady_clock;
using ::testing::HasSubstr;

class LateExitTest : public LateDevicesTest {
 protected:
  void StartAndStall(uint32_t num_models) {
    late_.Hold(0);
    for (uint32_t i = 0; i < num_models; ++i) {
      models_.push_back(LoadModel(runtime_.get(), DataPath("v7-odd.safetensors"), i % 2 == 0 ? "late:0" : "late:1"));
      streams_.push_back(MakeStream(models_.back().get()));
      requests_.push_back(NewRequest(streams_.back().get(), {kGoodToken}, i));
      Submit({requests_.back().get()});
    }
    ASSERT_TRUE(late_.WaitUntilHeld(1));
  }

  std::vector<OwnedModel> models_;
  std::vector<OwnedStream> streams_;
  std::vector<OwnedRequest> requests_;
};

TEST_F(LateExitTest, AProcessEndsAlthoughADeviceStalls) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const steady_clock::time_point begin = steady_clock::now();
  EXPECT_EXIT(
      {
        StartAndStall(1);
        std::exit(7);
      },
      ::testing::ExitedWithCode(7), "");
  // The library waits ten seconds for a step, then lets the process go.
  EXPECT_LT(steady_clock::now() - begin, std::chrono::seconds(15));
}

TEST_F(LateExitTest, AProcessWithSeveralModelsWaitsOnce) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const steady_clock::time_point begin = steady_clock::now();
  EXPECT_EXIT(
      {
        StartAndStall(3);
        requests_.clear();
        streams_.clear();
        models_.clear();
        std::exit(7);
      },
      ::testing::ExitedWithCode(7), "");
  EXPECT_LT(steady_clock::now() - begin, std::chrono::seconds(15));
}

TEST_F(LateExitTest, TheLogSaysThatAStepTakesLong) {
  StartAndStall(1);
  std::string log;
  for (int i = 0; i < 200 && log.find("under way") == std::string::npos; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    log += TakeLog();
  }
  EXPECT_THAT(log, HasSubstr("device late:0: a step has been under way for 10 s"));
  late_.LetGo(0);
  DrainUntilEnded(queue_.get(), 1);
}

}  // namespace
}  // namespace skein::test
