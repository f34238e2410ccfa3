// A device that is lost: what runs on its models ends with an error that says so, and everything else goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "tests/integration/late_devices.h"

namespace skein::test {
namespace {

using ::testing::HasSubstr;

class LateLostTest : public LateDevicesTest, public ::testing::WithParamInterface<uint32_t> {
 protected:
  // Waits until `num_steps` further steps were asked of the devices.
  void WaitForSteps(uint64_t num_steps) const {
    const uint64_t before = late_.counts().num_step_calls;
    for (int i = 0; i < 20000 && late_.counts().num_step_calls < before + num_steps; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  void ExpectLost(int32_t code, const std::string& message) const {
    EXPECT_EQ(code, SKEIN_UNAVAILABLE) << message;
    EXPECT_THAT(message,
                HasSubstr("device late:" + std::to_string(GetParam()) + " is lost: late: it fell off the bus"));
    EXPECT_THAT(message, HasSubstr("load it again"));
  }

  void ExpectEvalFails(skein_model model, skein_stream stream) const {
    const uint32_t token = kGoodToken;
    skein_eval_item item = {};
    item.stream = stream;
    item.tokens = &token;
    item.num_tokens = 1;
    skein_error error = {};
    const int32_t code = skein_eval(model, &item, sizeof(item), 1, &error);
    ExpectLost(code, error.message);
    EXPECT_EQ(item.status, SKEIN_UNAVAILABLE);
  }

  void ExpectRequestFails(skein_stream stream) const {
    const OwnedRequest request = NewRequest(stream, {kGoodToken}, 77);
    Submit({request.get()});
    const Delivered delivered = DrainUntilEnded(queue_.get(), 1)[77];
    EXPECT_EQ(delivered.end, uint32_t{SKEIN_EVENT_ERROR});
    EXPECT_EQ(delivered.num_terminal, 1);
    ExpectLost(delivered.status, delivered.text);
  }

  // Loses the device of a model that has a stream, and tells the model by an eval.
  void LoseUnder(skein_model model, skein_stream stream) const {
    late_.Lose(GetParam());
    ExpectEvalFails(model, stream);
  }
};

TEST_P(LateLostTest, RequestsUnderWayEndOnceAndAreNotTriedOneByOne) {
  const OwnedModel model = LoadSplit();
  std::vector<OwnedStream> streams;
  std::vector<OwnedRequest> requests;
  std::vector<skein_request> handles;
  for (uint64_t i = 0; i < 6; ++i) {
    streams.push_back(MakeStream(model.get()));
    requests.push_back(NewRequest(streams.back().get(), {kGoodToken}, i, 1000000));
    handles.push_back(requests.back().get());
  }
  Submit(handles);
  WaitForSteps(10);
  late_.Hold(GetParam());
  ASSERT_TRUE(late_.WaitUntilHeld(1));
  const uint64_t num_calls = late_.counts().num_step_calls;
  late_.Lose(GetParam());
  late_.LetGo(GetParam());
  const std::map<uint64_t, Delivered> delivered = DrainUntilEnded(queue_.get(), handles.size());
  ASSERT_EQ(delivered.size(), 6u);
  for (const auto& [i, of] : delivered) {
    EXPECT_EQ(of.end, uint32_t{SKEIN_EVENT_ERROR}) << "request " << i;
    EXPECT_EQ(of.num_terminal, 1);
    ExpectLost(of.status, of.text);
  }
  // The steps behind the held one may have begun before the loss. Six tries would be more.
  EXPECT_LE(late_.counts().num_step_calls, num_calls + 2);
  EXPECT_THAT(TakeLog(), HasSubstr("6 streams at work ends: device late:"));
  ExpectFencesInOrder();
}

TEST_P(LateLostTest, LaterCallsOnTheModelFailAtOnceWithTheSameError) {
  const OwnedModel model = LoadSplit();
  const OwnedStream stream = MakeStream(model.get());
  AllLogits(model.get(), stream.get(), {1, 2, 3});
  LoseUnder(model.get(), stream.get());
  const uint64_t num_calls = late_.counts().num_step_calls;
  ExpectEvalFails(model.get(), stream.get());
  ExpectRequestFails(stream.get());
  const OwnedStream fresh = MakeStream(model.get());
  ExpectEvalFails(model.get(), fresh.get());
  ExpectRequestFails(fresh.get());
  EXPECT_EQ(late_.counts().num_step_calls, num_calls) << "no step was tried";
}

TEST_P(LateLostTest, TheStateOfAStreamIsGoneAndTheErrorSaysSo) {
  const OwnedModel model = LoadSplit();
  const OwnedStream stream = MakeStream(model.get());
  AllLogits(model.get(), stream.get(), {1, 2, 3});
  std::string snapshot(1 << 20, '\0');
  uint64_t size = 0;
  SKEIN_CALL(skein_stream_snapshot, stream.get(), snapshot.data(), snapshot.size(), &size);
  // The first to notice is the snapshot itself.
  late_.Lose(GetParam());
  std::string lost(1 << 20, '\0');
  skein_error error = {};
  uint64_t lost_size = 0;
  const int32_t code = skein_stream_snapshot(stream.get(), lost.data(), lost.size(), &lost_size, &error);
  ExpectLost(code, error.message);
  std::vector<float> state(1 << 20);
  const int32_t state_code = skein_stream_state(stream.get(), state.data(), state.size(), &lost_size, &error);
  ExpectLost(state_code, error.message);
  const int32_t restored = skein_stream_restore(stream.get(), snapshot.data(), size, &error);
  ExpectLost(restored, error.message);
  ExpectEvalFails(model.get(), stream.get());
}

TEST_P(LateLostTest, AForkIsMadeAndIsAsLostAsItsStream) {
  const OwnedModel model = LoadSplit();
  const OwnedStream stream = MakeStream(model.get());
  AllLogits(model.get(), stream.get(), {1, 2, 3});
  LoseUnder(model.get(), stream.get());
  OwnedStream fork;
  SKEIN_CALL(skein_stream_fork, stream.get(), fork.out());
  ExpectEvalFails(model.get(), fork.get());
  ExpectRequestFails(fork.get());
}

TEST_P(LateLostTest, AModelOnAnotherDeviceGoesOn) {
  const OwnedModel model = LoadSplit();
  const OwnedStream stream = MakeStream(model.get());
  const std::string other_device = "late:" + std::to_string(1 - GetParam());
  const OwnedModel other = LoadModel(runtime_.get(), DataPath("v7-odd.safetensors"), other_device);
  const OwnedStream other_stream = MakeStream(other.get());
  const OwnedStream expected = MakeStream(model.get());
  const std::vector<float> before = AllLogits(model.get(), expected.get(), {1, 2, 3});
  LoseUnder(model.get(), stream.get());
  EXPECT_EQ(AllLogits(other.get(), other_stream.get(), {1, 2, 3}), before);
  const OwnedRequest request = NewRequest(other_stream.get(), {kGoodToken});
  Submit({request.get()});
  EXPECT_EQ(DrainUntilEnded(queue_.get(), 1)[0].end, uint32_t{SKEIN_EVENT_DONE});
}

TEST_P(LateLostTest, TheModelCanBeLoadedAgainBesideAndAfterTheLostOne) {
  OwnedModel model = LoadSplit();
  OwnedStream stream = MakeStream(model.get());
  const std::vector<float> before = AllLogits(model.get(), stream.get(), {1, 2, 3});
  std::string snapshot(1 << 20, '\0');
  uint64_t size = 0;
  SKEIN_CALL(skein_stream_snapshot, stream.get(), snapshot.data(), snapshot.size(), &size);
  const std::vector<float> next = AllLogits(model.get(), stream.get(), {4});
  LoseUnder(model.get(), stream.get());
  {
    const OwnedModel beside = LoadSplit();
    const OwnedStream fresh = MakeStream(beside.get());
    EXPECT_EQ(AllLogits(beside.get(), fresh.get(), {1, 2, 3}), before);
  }
  stream.Close();
  model.Close();
  const OwnedModel again = LoadSplit();
  const OwnedStream restored = MakeStream(again.get());
  SKEIN_CALL(skein_stream_restore, restored.get(), snapshot.data(), size);
  EXPECT_EQ(AllLogits(again.get(), restored.get(), {4}), next) << "a snapshot from before the loss goes on";
}

TEST_P(LateLostTest, EverythingOfALostModelMayBeReleasedInAnyOrder) {
  OwnedModel model = LoadSplit();
  OwnedStream stream = MakeStream(model.get());
  AllLogits(model.get(), stream.get(), {1});
  OwnedRequest request = NewRequest(stream.get(), {kGoodToken});
  late_.Lose(GetParam());
  Submit({request.get()});
  model.Close();
  DrainUntilEnded(queue_.get(), 1);
  request.Close();
  stream.Close();
  for (int i = 0; i < 20000 && late_.counts().num_live_segments != 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(late_.counts().num_live_segments, 0u);
}

INSTANTIATE_TEST_SUITE_P(Device, LateLostTest, ::testing::Values(0u, 1u));

}  // namespace
}  // namespace skein::test
