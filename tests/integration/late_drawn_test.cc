// Requests on a device that feeds the tokens that it draws: the next step is in flight while this one's texts are made,
// and every stream generates what it does without.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/integration/late_devices.h"

namespace skein::test {
namespace {

constexpr uint32_t kMaxStreams = 12;
constexpr uint32_t kAllBut =
    SKEIN_FEATURE_HIDDEN | SKEIN_FEATURE_TOP_K | SKEIN_FEATURE_MASK_AND_BIAS | SKEIN_FEATURE_SAMPLE;

class LateDrawnTest : public LateDevicesTest {
 protected:
  // A model on late:0 in a runtime of its own, because a runtime asks a device for its features once.
  struct Host {
    OwnedRuntime runtime = MakeRuntime();
    OwnedQueue queue;
    OwnedModel model;
  };
  static void Load(Host& host) {
    SKEIN_CALL(skein_runtime_load_plugin, host.runtime.get(), SKEIN_LATE_BACKEND);
    SKEIN_CALL(skein_queue_create, host.runtime.get(), nullptr, host.queue.out());
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_MODEL, {{"device", "late:0"}},
                                             {{"max_batch_streams", kMaxStreams}, {"max_batch_tokens", 32}});
    SKEIN_CALL(skein_model_load, host.runtime.get(), DataPath("v7-odd.safetensors").c_str(), options.get(),
               host.model.out());
  }
};

// Everything about a request, by its number and the seed of the schedule.
struct Wish {
  std::vector<uint32_t> prompt;
  std::vector<std::pair<std::string, int64_t>> integers;
  std::vector<std::pair<std::string, double>> reals;
  std::vector<uint32_t> stop_tokens;
};

Wish WishOf(uint32_t seed, uint32_t number) {
  std::mt19937 random(seed * 1000 + number);
  const auto below = [&random](uint32_t limit) { return static_cast<uint32_t>(random() % limit); };
  Wish wish;
  for (uint32_t i = 0, n = 1 + below(4) * below(25); i < n; ++i) wish.prompt.push_back(1 + below(60));
  const double temperatures[] = {0, 0.7, 1, 2};
  wish.reals = {{"temperature", temperatures[below(4)]}, {"top_p", below(2) == 0 ? 1.0 : 0.8}};
  if (below(8) == 0) wish.reals.emplace_back("presence_penalty", 0.4);
  wish.integers = {{"seed", number}, {"max_tokens", 1 + below(40)}, {"stop_at_end", 0}};
  if (below(4) == 0) {
    for (uint32_t i = 0; i < 4; ++i) wish.stop_tokens.push_back(1 + below(70));
  }
  return wish;
}

OwnedRequest RequestOf(skein_stream stream, const Wish& wish, uint64_t user_data) {
  OwnedRequest request;
  skein_error error = {};
  EXPECT_TRUE(Ok(skein_request_create(stream, request.out(), &error), error));
  EXPECT_TRUE(
      Ok(skein_request_set_prompt_tokens(request.get(), wish.prompt.data(), wish.prompt.size(), &error), error));
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_REQUEST, {}, wish.integers, wish.reals);
  EXPECT_TRUE(Ok(skein_request_set_options(request.get(), options.get(), &error), error));
  for (const uint32_t token : wish.stop_tokens) {
    EXPECT_TRUE(Ok(skein_request_add_stop_token(request.get(), token, &error), error));
  }
  EXPECT_TRUE(Ok(skein_request_set_user_data(request.get(), user_data, &error), error));
  return request;
}

// Two rounds of requests on the same streams, and a fork of each: its continuation, and the states in the end.
struct Outcome {
  std::map<uint64_t, Delivered> delivered;
  std::vector<std::vector<float>> states;
};

Outcome RunSchedule(skein_model model, skein_queue queue, uint32_t seed) {
  Outcome outcome;
  std::vector<OwnedStream> streams;
  for (uint32_t i = 0; i < 5; ++i) streams.push_back(MakeStream(model));
  for (uint32_t round = 0; round < 2; ++round) {
    std::vector<OwnedRequest> requests;
    std::vector<skein_request> handles;
    for (uint32_t i = 0; i < streams.size(); ++i) {
      requests.push_back(RequestOf(streams[i].get(), WishOf(seed, 10 * round + i), 10 * round + i));
      handles.push_back(requests.back().get());
    }
    // One by one, so that they join steps under way.
    for (skein_request handle : handles) {
      skein_error error = {};
      EXPECT_TRUE(Ok(skein_queue_submit(queue, &handle, 1, &error), error));
    }
    for (auto& [number, of] : DrainUntilEnded(queue, handles.size())) outcome.delivered[number] = std::move(of);
    if (round > 0) continue;
    for (uint32_t i = 0; i < 3; ++i) {
      OwnedStream fork;
      skein_error error = {};
      EXPECT_TRUE(Ok(skein_stream_fork(streams[i].get(), fork.out(), &error), error));
      streams.push_back(std::move(fork));
    }
  }
  for (const OwnedStream& stream : streams) outcome.states.push_back(StateOf(stream.get()));
  return outcome;
}

TEST_F(LateDrawnTest, AnyScheduleGivesTheTokensAndStatesThatItGivesWithout) {
  late_.Declare({.features = kAllBut});
  Host without;
  Load(without);
  late_.Declare({});
  Host with;
  Load(with);
  uint64_t num_fed = 0;
  for (uint32_t seed = 0; seed < 12; ++seed) {
    const uint64_t num_before = late_.counts().num_fed_drawn;
    const Outcome expected = RunSchedule(without.model.get(), without.queue.get(), seed);
    EXPECT_EQ(late_.counts().num_fed_drawn, num_before);
    const Outcome outcome = RunSchedule(with.model.get(), with.queue.get(), seed);
    num_fed += late_.counts().num_fed_drawn - num_before;
    for (const auto& [number, of] : expected.delivered) {
      const Delivered& found = outcome.delivered.at(number);
      EXPECT_EQ(found.tokens, of.tokens) << "seed " << seed << ", request " << number;
      EXPECT_EQ(found.reason, of.reason);
      EXPECT_EQ(found.position, of.position);
      EXPECT_EQ(found.text, of.text);
    }
    EXPECT_EQ(outcome.states, expected.states) << "seed " << seed;
  }
  EXPECT_GT(num_fed, 200u) << "the feature was used";
  ExpectFencesInOrder();
}

TEST_F(LateDrawnTest, AStepIsInFlightBehindTheOneThatDrawsItsTokens) {
  Host host;
  Load(host);
  const OwnedStream stream = MakeStream(host.model.get());
  const OwnedRequest request = NewRequest(stream.get(), {1}, 0, 40);
  const uint64_t num_before = late_.counts().num_fed_drawn;
  SKEIN_CALL(skein_queue_submit, host.queue.get(), std::vector<skein_request>{request.get()}.data(), 1);
  EXPECT_EQ(DrainUntilEnded(host.queue.get(), 1)[0].tokens.size(), 40u);
  EXPECT_EQ(late_.counts().num_fed_drawn - num_before, 39u);
}

TEST_F(LateDrawnTest, AReaderThatIsBehindIsWaitedForAtTheSameToken) {
  Host host;
  Load(host);
  const OwnedStream stream = MakeStream(host.model.get());
  Wish wish = WishOf(0, 0);
  wish.prompt = {1};
  wish.stop_tokens.clear();
  wish.reals = {};
  wish.integers = {{"max_tokens", 40}, {"stop_at_end", 0}, {"window", 3}};
  const OwnedRequest request = RequestOf(stream.get(), wish, 0);
  SKEIN_CALL(skein_queue_submit, host.queue.get(), std::vector<skein_request>{request.get()}.data(), 1);
  std::map<uint64_t, Delivered> delivered;
  size_t num_tokens = 0;
  while (num_tokens < 40) {
    while (delivered[0].tokens.size() < std::min<size_t>(num_tokens + 3, 40)) {
      ASSERT_TRUE(TakeEvents(host.queue.get(), delivered));
    }
    EXPECT_FALSE(num_tokens + 3 < 40 && TakeEvents(host.queue.get(), delivered, 20)) << "the window is full";
    SKEIN_CALL(skein_request_acknowledge, request.get(), delivered[0].tokens.size() - num_tokens);
    num_tokens = delivered[0].tokens.size();
  }
  while (delivered[0].num_terminal == 0) ASSERT_TRUE(TakeEvents(host.queue.get(), delivered));
  EXPECT_EQ(delivered[0].end, uint32_t{SKEIN_EVENT_DONE});
}

TEST_F(LateDrawnTest, ACancelledRequestKeepsThePlaceOfItsLastToken) {
  Host host;
  Load(host);
  const OwnedStream stream = MakeStream(host.model.get());
  const OwnedRequest request = NewRequest(stream.get(), {1}, 0, 100000);
  SKEIN_CALL(skein_queue_submit, host.queue.get(), std::vector<skein_request>{request.get()}.data(), 1);
  std::map<uint64_t, Delivered> delivered;
  while (delivered[0].tokens.size() < 5) ASSERT_TRUE(TakeEvents(host.queue.get(), delivered));
  SKEIN_CALL(skein_request_cancel, request.get());
  while (delivered[0].num_terminal == 0) ASSERT_TRUE(TakeEvents(host.queue.get(), delivered));
  EXPECT_EQ(delivered[0].end, uint32_t{SKEIN_EVENT_CANCELLED});
  const OwnedStream expected = MakeStream(host.model.get());
  std::vector<uint32_t> read = {1};
  read.insert(read.end(), delivered[0].tokens.begin(), delivered[0].tokens.end() - 1);
  EXPECT_EQ(delivered[0].position, read.size());
  AllLogits(host.model.get(), expected.get(), read);
  EXPECT_EQ(StateOf(stream.get()), StateOf(expected.get()));
}

// The step behind the one that fails is in flight, with a token that was never drawn.
TEST_F(LateDrawnTest, AStepThatFailsEndsTheStreamAtFaultAndNoOther) {
  Host host;
  Load(host);
  for (const late::Mishap mishap :
       {late::Mishap::kStepFails, late::Mishap::kFenceFails, late::Mishap::kErrorAndFence, late::Mishap::kEntryFails}) {
    const OwnedStream bad = MakeStream(host.model.get());
    const OwnedStream good = MakeStream(host.model.get());
    const OwnedRequest alone = NewRequest(good.get(), {1, 2}, 7, 30);
    SKEIN_CALL(skein_queue_submit, host.queue.get(), std::vector<skein_request>{alone.get()}.data(), 1);
    const std::vector<uint32_t> expected = DrainUntilEnded(host.queue.get(), 1)[7].tokens;
    late_.Obey({.mishap = mishap, .code = SKEIN_INTERNAL, .token = kBadToken});
    const OwnedStream fresh = MakeStream(host.model.get());
    const OwnedRequest requests[] = {NewRequest(bad.get(), {kBadToken}, 0), NewRequest(fresh.get(), {1, 2}, 1, 30)};
    const skein_request handles[] = {requests[0].get(), requests[1].get()};
    SKEIN_CALL(skein_queue_submit, host.queue.get(), handles, 2);
    std::map<uint64_t, Delivered> delivered = DrainUntilEnded(host.queue.get(), 2);
    EXPECT_EQ(delivered[0].end, uint32_t{SKEIN_EVENT_ERROR});
    EXPECT_TRUE(delivered[0].tokens.empty());
    EXPECT_EQ(delivered[1].tokens, expected);
    late_.Obey({});
  }
  ExpectFencesInOrder();
}

}  // namespace
}  // namespace skein::test
