// Several steps in flight on devices that end them late.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/integration/late_devices.h"

namespace skein::test {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kMaxBatchTokens = 16;

std::vector<uint32_t> PromptOf(uint32_t num_tokens, uint32_t first) {
  std::vector<uint32_t> prompt(num_tokens);
  for (uint32_t i = 0; i < num_tokens; ++i) prompt[i] = 1 + (first + i * 7) % 60;
  return prompt;
}

class LateInFlightTest : public LateDevicesTest {
 protected:
  OwnedModel Load(const std::string& device) const {
    OwnedModel model;
    const OwnedOptions options =
        MakeOptions(SKEIN_OPTIONS_MODEL, {{"device", device}},
                    {{"max_batch_streams", 8}, {"max_batch_tokens", kMaxBatchTokens}, {"calibrate", 0}});
    skein_error error = {};
    EXPECT_TRUE(
        Ok(skein_model_load(runtime_.get(), DataPath("v7-odd.safetensors").c_str(), options.get(), model.out(), &error),
           error));
    return model;
  }
  // Waits until `num_calls` more steps were asked of the devices than `before`.
  bool WaitForCalls(const late::Counts& before, uint64_t num_calls) const {
    for (int i = 0; i < 20000 && late_.counts().num_step_calls < before.num_step_calls + num_calls; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return late_.counts().num_step_calls >= before.num_step_calls + num_calls;
  }

  // Requests of long and short prompts, all at once; the events by request.
  std::map<uint64_t, Delivered> RunMany(skein_model model) const {
    std::vector<OwnedStream> streams;
    std::vector<OwnedRequest> requests;
    std::vector<skein_request> handles;
    for (uint32_t i = 0; i < 8; ++i) {
      streams.push_back(MakeStream(model));
      requests.push_back(NewRequest(streams.back().get(), PromptOf(i % 3 == 0 ? 150 : 3 + i, i), i, 20 + 3 * i));
      handles.push_back(requests.back().get());
    }
    Submit(handles);
    return DrainUntilEnded(queue_.get(), handles.size());
  }
};

class LateInFlightOnTest : public LateInFlightTest, public ::testing::WithParamInterface<const char*> {
 protected:
  using LateInFlightTest::Load;
  OwnedModel Load() const { return Load(GetParam()); }
};

TEST_P(LateInFlightOnTest, StreamsReadAndGenerateWhatTheyDoOnOneDevice) {
  const OwnedModel whole = Load("reference");
  const OwnedModel model = Load();
  std::map<uint64_t, Delivered> expected = RunMany(whole.get());
  std::map<uint64_t, Delivered> delivered = RunMany(model.get());
  for (const auto& [i, of] : expected) {
    EXPECT_EQ(of.tokens.size(), 20 + 3 * i);
    EXPECT_EQ(delivered[i].tokens, of.tokens) << "request " << i;
  }
  const OwnedStream one = MakeStream(whole.get());
  const OwnedStream other = MakeStream(model.get());
  EXPECT_EQ(AllLogits(model.get(), other.get(), PromptOf(100, 5)), AllLogits(whole.get(), one.get(), PromptOf(100, 5)));
  EXPECT_EQ(StateOf(other.get()), StateOf(one.get()));
  ExpectFencesInOrder();
}

TEST_P(LateInFlightOnTest, AStepIsAskedForBehindOneThatStalls) {
  const OwnedModel model = Load();
  const OwnedStream stream = MakeStream(model.get());
  const late::Counts before = late_.counts();
  late_.Hold(0);
  const OwnedRequest request = NewRequest(stream.get(), PromptOf(100, 0));
  Submit({request.get()});
  EXPECT_TRUE(WaitForCalls(before, 2));
  // The device's own thread begins the step some time after the call.
  EXPECT_TRUE(late_.WaitUntilHeld(1));
  late_.LetGo(0);
  EXPECT_EQ(DrainUntilEnded(queue_.get(), 1)[0].end, uint32_t{SKEIN_EVENT_DONE});
  ExpectFencesInOrder();
}

TEST_P(LateInFlightOnTest, ARequestCancelledWithStepsInFlightKeepsAPlaceThatItHadReached) {
  const OwnedModel model = Load();
  const OwnedStream stream = MakeStream(model.get());
  const late::Counts before = late_.counts();
  late_.Hold(0);
  const std::vector<uint32_t> prompt = PromptOf(1000, 0);
  const OwnedRequest request = NewRequest(stream.get(), prompt);
  Submit({request.get()});
  EXPECT_TRUE(WaitForCalls(before, 2));
  SKEIN_CALL(skein_request_cancel, request.get());
  late_.LetGo(0);
  const Delivered delivered = DrainUntilEnded(queue_.get(), 1)[0];
  EXPECT_EQ(delivered.end, uint32_t{SKEIN_EVENT_CANCELLED});
  EXPECT_LT(delivered.position, prompt.size());
  EXPECT_EQ(delivered.position % kMaxBatchTokens, 0u);
  const OwnedStream expected = MakeStream(model.get());
  AllLogits(model.get(), expected.get(), {prompt.begin(), prompt.begin() + static_cast<int>(delivered.position)});
  EXPECT_EQ(StateOf(stream.get()), StateOf(expected.get()));
  ExpectFencesInOrder();
}

TEST_P(LateInFlightOnTest, AModelReleasedWithStepsInFlightEndsItsRequest) {
  OwnedModel model = Load();
  OwnedStream stream = MakeStream(model.get());
  const late::Counts before = late_.counts();
  late_.Hold(0);
  OwnedRequest request = NewRequest(stream.get(), PromptOf(1000, 0));
  Submit({request.get()});
  EXPECT_TRUE(WaitForCalls(before, 2));
  request.Close();
  stream.Close();
  model.Close();
  late_.LetGo(0);
  EXPECT_EQ(DrainUntilEnded(queue_.get(), 1)[0].end, uint32_t{SKEIN_EVENT_CANCELLED});
  ExpectFencesInOrder();
}

TEST_P(LateInFlightOnTest, AStateIsReadBetweenStepsAlthoughThereAreAlwaysSome) {
  const OwnedModel model = Load();
  const OwnedStream busy = MakeStream(model.get());
  const OwnedStream stream = MakeStream(model.get());
  AllLogits(model.get(), stream.get(), {1, 2, 3});
  const std::vector<float> before = StateOf(stream.get());
  const OwnedRequest request = NewRequest(busy.get(), PromptOf(2000, 0));
  Submit({request.get()});
  for (int i = 0; i < 10; ++i) EXPECT_EQ(StateOf(stream.get()), before);
  SKEIN_CALL(skein_request_cancel, request.get());
  DrainUntilEnded(queue_.get(), 1);
  ExpectFencesInOrder();
}

// The steps of a long prompt, of which the third one fails: those behind it are in flight.
TEST_P(LateInFlightOnTest, AStepThatFailsInTheMiddleOfAPromptEndsItWhereItStood) {
  const OwnedModel model = Load();
  for (const late::Mishap mishap :
       {late::Mishap::kStepFails, late::Mishap::kFenceFails, late::Mishap::kErrorAndFence, late::Mishap::kEntryFails}) {
    for (const uint32_t device : {0u, 1u}) {
      if (device == 1 && std::string(GetParam()).find("late:1") == std::string::npos) continue;
      const OwnedStream stream = MakeStream(model.get());
      const OwnedStream other = MakeStream(model.get());
      std::vector<uint32_t> prompt = PromptOf(200, 0);
      prompt[40] = kBadToken;
      late_.Obey({.mishap = mishap, .code = SKEIN_INTERNAL, .token = kBadToken, .device = device});
      const OwnedRequest request = NewRequest(stream.get(), prompt, 0);
      const OwnedRequest beside = NewRequest(other.get(), PromptOf(100, 1), 1);
      Submit({request.get(), beside.get()});
      std::map<uint64_t, Delivered> delivered = DrainUntilEnded(queue_.get(), 2);
      EXPECT_EQ(delivered[0].end, uint32_t{SKEIN_EVENT_ERROR});
      EXPECT_EQ(delivered[0].num_terminal, 1);
      EXPECT_LE(delivered[0].position, 40u);
      EXPECT_GT(delivered[0].position, 40u - kMaxBatchTokens);
      EXPECT_EQ(delivered[1].tokens.size(), 5u) << "the other stream goes on";
      late_.Obey({});
      const OwnedStream expected = MakeStream(model.get());
      AllLogits(model.get(), expected.get(),
                {prompt.begin(), prompt.begin() + static_cast<int>(delivered[0].position)});
      EXPECT_EQ(StateOf(stream.get()), StateOf(expected.get()));
    }
  }
  ExpectFencesInOrder();
}

INSTANTIATE_TEST_SUITE_P(On, LateInFlightOnTest,
                         ::testing::Values("late:0", "late:0=0,late:1=1-2", "late:0=0,reference=1-2",
                                           "late:0=0,reference=1,late:1=2", "late:0=0,late:1=1,late:0=2"),
                         [](const auto& device) { return "Devices" + std::to_string(device.index); });

// The host's device comes first, so that its part is done when a step has begun.
TEST_F(LateInFlightTest, AHostDeviceInFrontWorksWhileTheOtherHasTheStepBefore) {
  const OwnedModel whole = Load("reference");
  const OwnedModel model = Load("reference=0,late:0=1-2");
  std::map<uint64_t, Delivered> expected = RunMany(whole.get());
  std::map<uint64_t, Delivered> delivered = RunMany(model.get());
  for (const auto& [i, of] : expected) EXPECT_EQ(delivered[i].tokens, of.tokens) << "request " << i;
  ExpectFencesInOrder();
}

TEST_F(LateInFlightTest, TheLossOfADeviceEndsWhatIsInFlightOnBoth) {
  for (const uint32_t device : {0u, 1u}) {
    const OwnedModel model = Load("late:0=0,late:1=1-2");
    const OwnedStream stream = MakeStream(model.get());
    const late::Counts before = late_.counts();
    const OwnedRequest request = NewRequest(stream.get(), PromptOf(2000, 0));
    Submit({request.get()});
    EXPECT_TRUE(WaitForCalls(before, 10));
    late_.Lose(device);
    const Delivered delivered = DrainUntilEnded(queue_.get(), 1)[0];
    EXPECT_EQ(delivered.status, SKEIN_UNAVAILABLE);
    EXPECT_THAT(delivered.text, HasSubstr("device late:" + std::to_string(device) + " is lost"));
    ExpectFencesInOrder();
  }
}

}  // namespace
}  // namespace skein::test
