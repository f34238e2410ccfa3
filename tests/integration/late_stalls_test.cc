// Devices that stall in the middle of a step, and the calls of a host meanwhile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/integration/late_devices.h"

namespace skein::test {
namespace {

class LateStallsTest : public LateDevicesTest {
 protected:
  // A request in its first step, on a device that is held.
  void StartAndStall(uint32_t device) {
    model_ = LoadSplit();
    stream_ = MakeStream(model_.get());
    late_.Hold(device);
    request_ = NewRequest(stream_.get(), {kGoodToken, kGoodToken});
    Submit({request_.get()});
    ASSERT_TRUE(late_.WaitUntilHeld(1));
  }
  bool HasEvent(int64_t timeout_ms) {
    uint32_t ready = 0;
    EXPECT_EQ(skein_queue_wait(queue_.get(), timeout_ms, &ready, nullptr), SKEIN_OK);
    return ready != 0;
  }

  OwnedModel model_;
  OwnedStream stream_;
  OwnedRequest request_;
};

TEST_F(LateStallsTest, AStalledStepGoesOnWhenItsDeviceDoes) {
  for (const uint32_t device : {0u, 1u}) {
    StartAndStall(device);
    EXPECT_FALSE(HasEvent(50));
    late_.LetGo(device);
    EXPECT_EQ(DrainUntilEnded(queue_.get(), 1)[0].end, uint32_t{SKEIN_EVENT_DONE});
  }
  ExpectFencesInOrder();
}

TEST_F(LateStallsTest, ARequestCancelledInAStalledStepEndsWithTheStep) {
  StartAndStall(1);
  SKEIN_CALL(skein_request_cancel, request_.get());
  EXPECT_FALSE(HasEvent(50)) << "the device still writes to the stream's memory";
  late_.LetGo(1);
  const Delivered delivered = DrainUntilEnded(queue_.get(), 1)[0];
  EXPECT_EQ(delivered.end, uint32_t{SKEIN_EVENT_CANCELLED});
  EXPECT_EQ(delivered.num_terminal, 1);
  ExpectFencesInOrder();
}

TEST_F(LateStallsTest, ARequestSubmittedMeanwhileHasItsTurn) {
  StartAndStall(0);
  const OwnedStream stream = MakeStream(model_.get());
  const OwnedRequest request = NewRequest(stream.get(), {kGoodToken}, 1);
  Submit({request.get()});
  EXPECT_FALSE(HasEvent(50));
  late_.LetGo(0);
  for (const auto& [i, of] : DrainUntilEnded(queue_.get(), 2)) EXPECT_EQ(of.end, uint32_t{SKEIN_EVENT_DONE}) << i;
  ExpectFencesInOrder();
}

TEST_F(LateStallsTest, AStalledDeviceDoesNotHoldUpAModelOnAnother) {
  StartAndStall(1);
  const OwnedModel other = LoadModel(runtime_.get(), DataPath("v7-odd.safetensors"), "late:0");
  const OwnedStream stream = MakeStream(other.get());
  EXPECT_EQ(AllLogits(other.get(), stream.get(), {1, 2}).size(), 2u * 77);
  late_.LetGo(1);
  DrainUntilEnded(queue_.get(), 1);
}

TEST_F(LateStallsTest, AModelReleasedInAStalledStepEndsItsRequest) {
  StartAndStall(1);
  // None of these waits for the device.
  request_.Close();
  stream_.Close();
  model_.Close();
  EXPECT_EQ(late_.counts().num_held, 1u);
  late_.LetGo(1);
  EXPECT_EQ(DrainUntilEnded(queue_.get(), 1)[0].end, uint32_t{SKEIN_EVENT_CANCELLED});
  ExpectFencesInOrder();
}

TEST_F(LateStallsTest, EverythingMayBeReleasedInAStalledStep) {
  StartAndStall(0);
  request_.Close();
  queue_.Close();
  stream_.Close();
  model_.Close();
  runtime_.Close();
  EXPECT_EQ(late_.counts().num_held, 1u);
  late_.LetGo(0);
  // Only the backend is left to be asked.
  for (int i = 0; i < 20000 && late_.counts().num_released != late_.counts().num_fences; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ExpectFencesInOrder();
}

TEST_F(LateStallsTest, AStateReadInAStalledStepIsThatBeforeIt) {
  model_ = LoadSplit();
  stream_ = MakeStream(model_.get());
  AllLogits(model_.get(), stream_.get(), {1, 2, 3});
  const std::vector<float> before = StateOf(stream_.get());
  late_.Hold(1);
  request_ = NewRequest(stream_.get(), {kGoodToken});
  Submit({request_.get()});
  ASSERT_TRUE(late_.WaitUntilHeld(1));
  OwnedStream fork;
  SKEIN_CALL(skein_stream_fork, stream_.get(), fork.out());
  std::vector<float> state;
  std::thread reader([&] { state = StateOf(fork.get()); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  late_.LetGo(1);
  reader.join();
  EXPECT_EQ(state, before);
  DrainUntilEnded(queue_.get(), 1);
}

}  // namespace
}  // namespace skein::test
