// Requests through the C ABI: sampling, stops, cancelling, flow control.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <thread>

#include "tests/support/drain.h"
#include "tests/support/host.h"

namespace skein::test {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

class RequestsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SKEIN_CALL(skein_queue_create, runtime_.get(), nullptr, queue_.out());
    stream_ = MakeStream(model_.get());
  }

  OwnedRequest NewRequest(skein_stream stream, const std::string& prompt,
                          const std::vector<std::pair<std::string, int64_t>>& integers = {},
                          const std::vector<std::pair<std::string, double>>& reals = {}, uint64_t user_data = 0) {
    OwnedRequest request;
    skein_error error = {};
    EXPECT_TRUE(Ok(skein_request_create(stream, request.out(), &error), error));
    EXPECT_TRUE(Ok(skein_request_set_prompt(request.get(), prompt.data(), prompt.size(), &error), error));
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_REQUEST, {}, integers, reals);
    EXPECT_TRUE(Ok(skein_request_set_options(request.get(), options.get(), &error), error));
    EXPECT_TRUE(Ok(skein_request_set_user_data(request.get(), user_data, &error), error));
    return request;
  }

  void Submit(skein_request request) { SKEIN_CALL(skein_queue_submit, queue_.get(), &request, 1); }

  Delivered Run(skein_request request) {
    Submit(request);
    return DrainUntilEnded(queue_.get(), 1)[0];
  }

  const OwnedRuntime runtime_ = MakeRuntime();
  const OwnedModel model_ = LoadModel(runtime_.get(), SKEIN_DEMO_MODEL, "");
  OwnedQueue queue_;
  OwnedStream stream_;
};

TEST_F(RequestsTest, GeneratesAsManyTokensAsAskedAndEndsOnce) {
  const OwnedRequest request = NewRequest(stream_.get(), "And it came to pass", {{"max_tokens", 20}});
  const Delivered delivered = Run(request.get());
  EXPECT_EQ(delivered.tokens.size(), 20u);
  EXPECT_EQ(delivered.end, uint32_t{SKEIN_EVENT_DONE});
  EXPECT_EQ(delivered.reason, uint32_t{SKEIN_REASON_LENGTH});
  EXPECT_EQ(delivered.num_terminal, 1);
  EXPECT_EQ(delivered.text.size(), 20u);
}

TEST_F(RequestsTest, SameSeedSameTextAnotherSeedAnotherText) {
  std::string texts[3];
  const int64_t seeds[3] = {7, 7, 8};
  for (int i = 0; i < 3; ++i) {
    const OwnedStream stream = MakeStream(model_.get());
    const OwnedRequest request = NewRequest(stream.get(), "In the", {{"max_tokens", 60}, {"seed", seeds[i]}});
    texts[i] = Run(request.get()).text;
  }
  EXPECT_EQ(texts[0], texts[1]);
  EXPECT_NE(texts[0], texts[2]);
}

TEST_F(RequestsTest, SampleIndexGivesAnotherSampleOfTheSameSeed) {
  std::string texts[2];
  for (int i = 0; i < 2; ++i) {
    const OwnedStream stream = MakeStream(model_.get());
    const OwnedRequest request = NewRequest(stream.get(), "In the", {{"max_tokens", 60}, {"sample_index", i}});
    texts[i] = Run(request.get()).text;
  }
  EXPECT_NE(texts[0], texts[1]);
}

TEST_F(RequestsTest, GenerationInTwoPartsIsTheGenerationInOne) {
  const OwnedRequest whole = NewRequest(stream_.get(), "And the", {{"max_tokens", 40}, {"seed", 3}});
  const std::string expected = Run(whole.get()).text;
  const OwnedStream stream = MakeStream(model_.get());
  const OwnedRequest first = NewRequest(stream.get(), "And the", {{"max_tokens", 15}, {"seed", 3}});
  std::string text = Run(first.get()).text;
  // An empty prompt goes on from the token that was sampled last.
  const OwnedRequest second = NewRequest(stream.get(), "", {{"max_tokens", 25}, {"seed", 3}});
  text += Run(second.get()).text;
  EXPECT_EQ(text, expected);
}

TEST_F(RequestsTest, StopTextIsFoundAcrossTokensAndLeftOut) {
  const OwnedRequest probe = NewRequest(stream_.get(), "And the", {{"max_tokens", 40}}, {{"temperature", 0}});
  const std::string free = Run(probe.get()).text;
  const std::string stop = free.substr(12, 6);
  const OwnedStream stream = MakeStream(model_.get());
  const OwnedRequest request = NewRequest(stream.get(), "And the", {{"max_tokens", 40}}, {{"temperature", 0}});
  SKEIN_CALL(skein_request_add_stop, request.get(), stop.data(), stop.size());
  const Delivered delivered = Run(request.get());
  EXPECT_EQ(delivered.reason, uint32_t{SKEIN_REASON_STOP_TEXT});
  EXPECT_EQ(delivered.text, free.substr(0, free.find(stop)));
}

TEST_F(RequestsTest, StopTokenEndsWithoutBeingDelivered) {
  const OwnedRequest probe = NewRequest(stream_.get(), "And the", {{"max_tokens", 20}}, {{"temperature", 0}});
  const std::vector<uint32_t> free = Run(probe.get()).tokens;
  const OwnedStream stream = MakeStream(model_.get());
  const OwnedRequest request = NewRequest(stream.get(), "And the", {{"max_tokens", 20}}, {{"temperature", 0}});
  SKEIN_CALL(skein_request_add_stop_token, request.get(), free[9]);
  const Delivered delivered = Run(request.get());
  EXPECT_EQ(delivered.reason, uint32_t{SKEIN_REASON_STOP_TOKEN});
  const auto first = std::find(free.begin(), free.end(), free[9]);
  EXPECT_EQ(delivered.tokens, std::vector<uint32_t>(free.begin(), first));
}

TEST_F(RequestsTest, BannedTokenIsNeverSampledAndABiasedOneAlways) {
  const OwnedRequest banned = NewRequest(stream_.get(), "And the", {{"max_tokens", 60}});
  SKEIN_CALL(skein_request_set_logit_bias, banned.get(), 'e', -INFINITY);
  EXPECT_EQ(Run(banned.get()).text.find('e'), std::string::npos);
  const OwnedStream stream = MakeStream(model_.get());
  const OwnedRequest forced = NewRequest(stream.get(), "And the", {{"max_tokens", 5}});
  SKEIN_CALL(skein_request_set_logit_bias, forced.get(), 'z', 1000.0f);
  EXPECT_EQ(Run(forced.get()).text, "zzzzz");
}

TEST_F(RequestsTest, CancelledRequestEndsAndItsStreamIsFree) {
  const OwnedRequest request = NewRequest(stream_.get(), "And", {{"max_tokens", 1000000}});
  Submit(request.get());
  std::map<uint64_t, Delivered> delivered;
  ASSERT_TRUE(TakeEvents(queue_.get(), delivered));
  SKEIN_CALL(skein_request_cancel, request.get());
  while (delivered[0].num_terminal == 0) ASSERT_TRUE(TakeEvents(queue_.get(), delivered));
  EXPECT_EQ(delivered[0].end, uint32_t{SKEIN_EVENT_CANCELLED});
  const OwnedRequest next = NewRequest(stream_.get(), "And", {{"max_tokens", 3}});
  EXPECT_EQ(Run(next.get()).tokens.size(), 3u);
}

TEST_F(RequestsTest, ReleasingTheStreamCancelsItsRequest) {
  const OwnedRequest request = NewRequest(stream_.get(), "And", {{"max_tokens", 1000000}});
  Submit(request.get());
  stream_.Close();
  EXPECT_EQ(DrainUntilEnded(queue_.get(), 1)[0].end, uint32_t{SKEIN_EVENT_CANCELLED});
}

TEST_F(RequestsTest, ReleasedRequestGoesOnAndDelivers) {
  OwnedRequest request = NewRequest(stream_.get(), "And", {{"max_tokens", 30}});
  Submit(request.get());
  request.Close();
  EXPECT_EQ(DrainUntilEnded(queue_.get(), 1)[0].tokens.size(), 30u);
}

TEST_F(RequestsTest, RequestWaitsAtItsWindowAndGoesOnWhenAcknowledged) {
  const OwnedRequest request = NewRequest(stream_.get(), "And", {{"max_tokens", 30}, {"window", 4}});
  Submit(request.get());
  std::map<uint64_t, Delivered> delivered;
  while (TakeEvents(queue_.get(), delivered, 200)) {
  }
  EXPECT_EQ(delivered[0].tokens.size(), 4u);
  EXPECT_EQ(skein_request_acknowledge(request.get(), 5, nullptr), SKEIN_INVALID_ARGUMENT);
  SKEIN_CALL(skein_request_acknowledge, request.get(), 3);
  while (TakeEvents(queue_.get(), delivered, 200)) {
  }
  EXPECT_EQ(delivered[0].tokens.size(), 7u);
  SKEIN_CALL(skein_request_cancel, request.get());
  while (delivered[0].num_terminal == 0) ASSERT_TRUE(TakeEvents(queue_.get(), delivered));
}

TEST_F(RequestsTest, OneSlowReaderDoesNotStopTheOthers) {
  const OwnedStream other = MakeStream(model_.get());
  const OwnedRequest slow = NewRequest(stream_.get(), "And", {{"max_tokens", 30}, {"window", 1}}, {}, 1);
  const OwnedRequest quick = NewRequest(other.get(), "And", {{"max_tokens", 30}}, {}, 2);
  Submit(slow.get());
  Submit(quick.get());
  std::map<uint64_t, Delivered> delivered;
  while (delivered[2].num_terminal == 0) ASSERT_TRUE(TakeEvents(queue_.get(), delivered));
  EXPECT_EQ(delivered[2].tokens.size(), 30u);
  EXPECT_LE(delivered[1].tokens.size(), 1u);
}

TEST_F(RequestsTest, ManyRequestsRunTogetherAndEachEndsOnce) {
  std::vector<OwnedStream> streams;
  std::vector<OwnedRequest> requests;
  std::vector<skein_request> handles;
  for (uint64_t i = 0; i < 7; ++i) {
    streams.push_back(MakeStream(model_.get()));
    requests.push_back(NewRequest(streams.back().get(), "And the " + std::string(i * 3, 'x'),
                                  {{"max_tokens", 20 + static_cast<int64_t>(i)}}, {}, i));
    handles.push_back(requests.back().get());
  }
  SKEIN_CALL(skein_queue_submit, queue_.get(), handles.data(), static_cast<uint32_t>(handles.size()));
  for (const auto& [i, delivered] : DrainUntilEnded(queue_.get(), 7)) {
    EXPECT_EQ(delivered.tokens.size(), 20 + i);
    EXPECT_EQ(delivered.num_terminal, 1);
  }
}

TEST_F(RequestsTest, SamplesAreToldApartAndCanBeTaken) {
  OwnedRequest request = NewRequest(stream_.get(), "And the", {{"max_tokens", 10}, {"n", 2}, {"seed", 4}});
  Submit(request.get());
  std::string texts[2];
  int num_ends = 0;
  for (bool ended = false; !ended;) {
    uint32_t ready = 0;
    SKEIN_CALL(skein_queue_wait, queue_.get(), int64_t{20000}, &ready);
    ASSERT_EQ(ready, 1u);
    skein_event event = {};
    char text[256];
    uint32_t count = 0;
    uint64_t text_bytes = 0;
    SKEIN_CALL(skein_queue_poll, queue_.get(), static_cast<void*>(&event), uint32_t{sizeof(event)}, 1u, text,
               uint64_t{sizeof(text)}, &count, &text_bytes);
    texts[event.sample].append(text, text_bytes);
    if (event.kind == SKEIN_EVENT_SAMPLE_DONE) ++num_ends;
    ended = event.kind == SKEIN_EVENT_DONE;
  }
  EXPECT_EQ(num_ends, 2);
  EXPECT_EQ(texts[0].size(), 10u);
  EXPECT_NE(texts[0], texts[1]);
  OwnedStream taken;
  SKEIN_CALL(skein_request_take_sample, request.get(), 1u, taken.out());
  OwnedStream again;
  EXPECT_EQ(skein_request_take_sample(request.get(), 1, again.out(), nullptr), SKEIN_FAILED_PRECONDITION);
  EXPECT_EQ(again.get(), nullptr);
  request.Close();
  // Fed to a fresh stream, what the sample wrote leads to the same next text.
  const OwnedRequest next = NewRequest(taken.get(), "", {{"max_tokens", 10}}, {{"temperature", 0}});
  const std::string rest = Run(next.get()).text;
  const OwnedStream fresh = MakeStream(model_.get());
  const OwnedRequest whole = NewRequest(fresh.get(), "And the" + texts[1], {{"max_tokens", 10}}, {{"temperature", 0}});
  EXPECT_EQ(rest, Run(whole.get()).text);
}

TEST_F(RequestsTest, DescriptorTellsOfEvents) {
  int32_t fd = -1;
  SKEIN_CALL(skein_queue_fd, queue_.get(), &fd);
  const OwnedRequest request = NewRequest(stream_.get(), "And", {{"max_tokens", 2}});
  Submit(request.get());
  pollfd entry = {fd, POLLIN, 0};
  EXPECT_EQ(poll(&entry, 1, 20000), 1);
  DrainUntilEnded(queue_.get(), 1);
  EXPECT_EQ(poll(&entry, 1, 0), 0);
}

TEST_F(RequestsTest, SubmittingTwiceOrOnABusyStreamIsRefusedAndNothingIsSubmitted) {
  const OwnedRequest running = NewRequest(stream_.get(), "And", {{"max_tokens", 1000000}}, {}, 1);
  Submit(running.get());
  skein_request handle = running.get();
  EXPECT_EQ(skein_queue_submit(queue_.get(), &handle, 1, nullptr), SKEIN_FAILED_PRECONDITION);
  EXPECT_EQ(skein_request_add_stop_token(handle, 5, nullptr), SKEIN_FAILED_PRECONDITION);
  const OwnedStream idle = MakeStream(model_.get());
  const OwnedRequest first = NewRequest(idle.get(), "And", {{"max_tokens", 3}}, {}, 2);
  const OwnedRequest second = NewRequest(stream_.get(), "And", {}, {}, 3);
  const skein_request both[] = {first.get(), second.get()};
  skein_error error = {};
  EXPECT_EQ(skein_queue_submit(queue_.get(), both, 2, &error), SKEIN_FAILED_PRECONDITION);
  EXPECT_THAT(error.message, HasSubstr("request 1"));
  SKEIN_CALL(skein_request_cancel, running.get());
  // The refused requests can be submitted now: neither had begun.
  DrainUntilEnded(queue_.get(), 1);
  SKEIN_CALL(skein_queue_submit, queue_.get(), both, 1);
  EXPECT_EQ(DrainUntilEnded(queue_.get(), 1)[2].tokens.size(), 3u);
}

TEST_F(RequestsTest, EmptyPromptOnAFreshStreamIsRefused) {
  const OwnedRequest request = NewRequest(stream_.get(), "");
  const skein_request handle = request.get();
  skein_error error = {};
  EXPECT_EQ(skein_queue_submit(queue_.get(), &handle, 1, &error), SKEIN_FAILED_PRECONDITION);
  EXPECT_THAT(error.message, HasSubstr("expected at least one token"));
}

TEST_F(RequestsTest, WrongTokensAndBiasesAreRefusedByName) {
  const OwnedRequest request = NewRequest(stream_.get(), "And");
  const uint32_t tokens[] = {1, 256};
  skein_error error = {};
  EXPECT_EQ(skein_request_set_prompt_tokens(request.get(), tokens, 2, &error), SKEIN_INVALID_ARGUMENT);
  EXPECT_THAT(error.message, HasSubstr("position 1: token 256; expected an id below the vocabulary's size 256"));
  EXPECT_EQ(skein_request_set_logit_bias(request.get(), 5, NAN, nullptr), SKEIN_INVALID_ARGUMENT);
  EXPECT_EQ(skein_request_add_stop(request.get(), "", 0, nullptr), SKEIN_INVALID_ARGUMENT);
}

TEST_F(RequestsTest, SnapshotsTakenWhileItRunsRestore) {
  const OwnedRequest request =
      NewRequest(stream_.get(), "And the", {{"max_tokens", 200}}, {{"presence_penalty", 0.5}, {"temperature", 0}});
  Submit(request.get());
  const OwnedStream other = MakeStream(model_.get());
  std::map<uint64_t, Delivered> delivered;
  for (int i = 0; i < 20; ++i) {
    std::vector<uint8_t> bytes;
    uint64_t size = 0;
    skein_status status = SKEIN_OUT_OF_RANGE;
    while (status == SKEIN_OUT_OF_RANGE) {  // it may grow between the calls
      bytes.resize(size);
      status = skein_stream_snapshot(stream_.get(), bytes.empty() ? nullptr : bytes.data(), size, &size, nullptr);
      if (status == SKEIN_OK && bytes.empty()) status = SKEIN_OUT_OF_RANGE;
    }
    ASSERT_EQ(status, SKEIN_OK);
    SKEIN_CALL(skein_stream_restore, other.get(), bytes.data(), size);
    TakeEvents(queue_.get(), delivered);
  }
  while (delivered[0].num_terminal == 0) ASSERT_TRUE(TakeEvents(queue_.get(), delivered));
  EXPECT_EQ(delivered[0].tokens.size(), 200u);
}

TEST_F(RequestsTest, TextThatDoesNotFitStaysInTheQueue) {
  const OwnedRequest request = NewRequest(stream_.get(), "And", {{"max_tokens", 1}});
  Submit(request.get());
  uint32_t ready = 0;
  SKEIN_CALL(skein_queue_wait, queue_.get(), int64_t{20000}, &ready);
  skein_event event = {};
  uint32_t count = 7;
  uint64_t text_bytes = 0;
  EXPECT_EQ(skein_queue_poll(queue_.get(), &event, sizeof(event), 1, nullptr, 0, &count, &text_bytes, nullptr),
            SKEIN_OUT_OF_RANGE);
  EXPECT_EQ(count, 0u);
  EXPECT_EQ(text_bytes, 1u);
  EXPECT_EQ(DrainUntilEnded(queue_.get(), 1)[0].tokens.size(), 1u);
}

TEST_F(RequestsTest, ReleasingTheQueueEndsItsRequests) {
  const OwnedRequest request = NewRequest(stream_.get(), "And", {{"max_tokens", 1000000}});
  Submit(request.get());
  queue_.Close();
  // The stream is free as soon as the step that runs is done.
  skein_status status = SKEIN_FAILED_PRECONDITION;
  for (int i = 0; i < 2000 && status != SKEIN_OK; ++i) {
    status = skein_stream_reset(stream_.get(), nullptr);
    if (status != SKEIN_OK) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(status, SKEIN_OK);
}

TEST_F(RequestsTest, MetricsCountWhatHappened) {
  const OwnedRequest request = NewRequest(stream_.get(), "And the", {{"max_tokens", 4}});
  Run(request.get());
  // The engine may still count behind the last event, so the size may grow between two calls.
  std::string text(1 << 20, '\0');
  uint64_t size = 0;
  SKEIN_CALL(skein_runtime_metrics, runtime_.get(), text.data(), uint64_t{text.size()}, &size);
  text.resize(size);
  EXPECT_THAT(text, HasSubstr("skein_prefill_tokens_total 7\n"));
  EXPECT_THAT(text, HasSubstr("skein_decode_tokens_total 3\n"));
  EXPECT_THAT(text, HasSubstr("skein_requests_done_total 1\n"));
  EXPECT_THAT(text, HasSubstr("\nskein_multiplications_total "));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("\nskein_multiplications_total 0\n")));
  EXPECT_THAT(text, HasSubstr("skein_models 1\n"));
  EXPECT_THAT(text, ContainsRegex("\nskein_first_token_seconds_count\\{model=\"[^\"]+\"\\} 1\n"));
  EXPECT_THAT(text, ContainsRegex("\nskein_token_gap_seconds_count\\{model=\"[^\"]+\"\\} 3\n"));
  EXPECT_THAT(text,
              ContainsRegex("\nskein_limit\\{model=\"[^\"]+\",limit=\"slots\",option=\"state_memory\"\\} [0-9]+\n"));
}

}  // namespace
}  // namespace skein::test
