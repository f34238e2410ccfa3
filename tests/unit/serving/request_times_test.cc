// The times of requests in metrics, trace and events.
#include "serving/request_times.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/serving/serving_harness.h"

namespace skein {
namespace {

using test::FakeStep;
using test::Outcome;
using test::ServingTest;
using Json = nlohmann::json;
using Clock = RequestTimes::Clock;
using std::chrono::milliseconds;

// --- alone ---

uint64_t Count(const TimeHistogram& histogram) {
  uint64_t count = 0;
  for (size_t bucket = 0; bucket < histogram.num_buckets(); ++bucket) count += histogram.Count(bucket);
  return count;
}

class RequestTimesTest : public ::testing::Test {
 protected:
  static Clock::time_point At(int ms) { return Clock::time_point(milliseconds(1000 + ms)); }
  skein_event Filled(int now) const {
    skein_event event = {};
    times_.Fill(event, At(now));
    return event;
  }

  ModelObserver observer_{{}, nullptr};
  TenantObserver tenant_{"", ""};
  RequestTimes times_{At(0)};
};

TEST_F(RequestTimesTest, RequestThatEndsInTheQueueHasWaitedOnly) {
  const skein_event event = Filled(7);
  EXPECT_EQ(event.queue_us, 7000u);
  EXPECT_EQ(event.prefill_us, 0u);
  EXPECT_EQ(event.decode_us, 0u);
}

TEST_F(RequestTimesTest, RequestThatEndsInItsPromptHasNotDecoded) {
  times_.OnStep(observer_, At(2));
  times_.OnStep(observer_, At(4));
  const skein_event event = Filled(7);
  EXPECT_EQ(event.queue_us, 2000u);
  EXPECT_EQ(event.prefill_us, 5000u);
  EXPECT_EQ(event.decode_us, 0u);
}

TEST_F(RequestTimesTest, PhasesMakeUpTheWhole) {
  times_.OnStep(observer_, At(2));
  times_.OnPromptRead(observer_, At(5));
  times_.OnStep(observer_, At(6));
  times_.OnPromptRead(observer_, At(9));
  const skein_event event = Filled(20);
  EXPECT_EQ(event.queue_us, 2000u);
  EXPECT_EQ(event.prefill_us, 3000u);
  EXPECT_EQ(event.decode_us, 15000u);
}

TEST_F(RequestTimesTest, FirstTokenIsCountedFromTheSubmission) {
  TokenGaps gaps;
  times_.OnFirstToken(observer_, tenant_, At(30));
  gaps.OnToken(observer_, tenant_, At(30));
  gaps.OnToken(observer_, tenant_, At(40));
  gaps.OnToken(observer_, tenant_, At(45));
  EXPECT_EQ(observer_.first_token_time().sum(), 30'000'000u);
  EXPECT_EQ(Count(observer_.first_token_time()), 1u);
  EXPECT_EQ(observer_.token_gap().sum(), 15'000'000u);
  EXPECT_EQ(Count(observer_.token_gap()), 2u);
  EXPECT_EQ(Count(tenant_.first_token_time()), 1u);
  EXPECT_EQ(tenant_.first_token_time().sum(), observer_.first_token_time().sum());
  EXPECT_EQ(tenant_.token_gap().sum(), 15'000'000u);
  EXPECT_EQ(Count(tenant_.token_gap()), 2u);
}

TEST_F(RequestTimesTest, WaitForTheReaderIsNoGap) {
  TokenGaps gaps;
  gaps.OnToken(observer_, tenant_, At(30));
  gaps.OnPause();
  gaps.OnToken(observer_, tenant_, At(4000));
  gaps.OnToken(observer_, tenant_, At(4001));
  EXPECT_EQ(observer_.token_gap().sum(), 1'000'000u);
  EXPECT_EQ(Count(observer_.token_gap()), 1u);
}

// --- of requests that run ---

class TracedRequestTest : public ServingTest {
 protected:
  TracedRequestTest()
      : path_(::testing::TempDir() + "/" + ::testing::UnitTest::GetInstance()->current_test_info()->name() + ".json") {
    Options options(SKEIN_OPTIONS_RUNTIME);
    EXPECT_TRUE(options.SetInt("search", 0).ok());
    EXPECT_TRUE(options.SetInt("threads", 2).ok());
    EXPECT_TRUE(options.SetText("trace", path_).ok());
    auto runner = std::make_unique<test::FakeStepRunner>();
    runner->set_hook([this](FakeStep& step) { return hook_ ? hook_(step) : absl::OkStatus(); });
    model_ = test::MakeFakeModel(*Runtime::Create(options, ""), std::move(runner));
  }

  // The phases of all requests in order, such as "b request". The model is released.
  std::vector<std::string> Phases() {
    EndModel();
    std::vector<std::string> phases;
    for (const Json& event : events_) {
      const auto kind = event.at("ph").get<std::string>();
      if (kind == "b" || kind == "e") phases.push_back(kind + " " + event.at("name").get<std::string>());
    }
    return phases;
  }
  uint64_t NumSpans(const std::string& name) const {
    uint64_t count = 0;
    for (const Json& event : events_) count += event.at("ph") == "X" && event.at("name") == name ? 1 : 0;
    return count;
  }
  // Reads the file when it is closed, which the engine's thread does in its own time. Only then is it whole.
  void EndModel() {
    model_.reset();
    do {
      std::this_thread::yield();
      std::ifstream file(path_);
      events_ = Json::parse(file, nullptr, false);
    } while (!events_.is_array());
  }

  const std::string path_;
  Json events_;
};

TEST_F(TracedRequestTest, PhasesAreSpansThatLieInTheRequest) {
  EXPECT_EQ(Run(NewRequest(NewStream(), {1, 2}, 3)).terminal.kind, uint32_t{SKEIN_EVENT_DONE});
  const std::vector<std::string> expected = {"b request", "b queue",  "e queue",  "b prefill",
                                             "e prefill", "b decode", "e decode", "e request"};
  EXPECT_EQ(Phases(), expected);
  EXPECT_EQ(NumSpans("step"), 3u);
  EXPECT_EQ(NumSpans("draw and text"), 3u);
  EXPECT_GE(NumSpans("plan"), 3u);
  for (const Json& event : events_) {
    if (event.at("name") != "request" || event.at("ph") != "e") continue;
    EXPECT_EQ(event.at("args").at("prompt_tokens"), 2);
    EXPECT_EQ(event.at("args").at("tokens"), 3);
  }
}

TEST_F(TracedRequestTest, RequestThatIsCancelledInTheQueueIsClosed) {
  auto request = NewRequest(NewStream(), {1});
  request->Cancel();
  EXPECT_EQ(Run(request).terminal.kind, uint32_t{SKEIN_EVENT_CANCELLED});
  request.reset();  // it holds the model
  EXPECT_EQ(Phases(), (std::vector<std::string>{"b request", "b queue", "e queue", "e request"}));
}

TEST_F(TracedRequestTest, RequestThatFailsInItsPromptIsClosed) {
  hook_ = [](FakeStep& step) {
    step.entries[0].status = SKEIN_DATA_LOSS;
    return absl::OkStatus();
  };
  const Outcome outcome = Run(NewRequest(NewStream(), {1, 2}));
  EXPECT_EQ(outcome.terminal.kind, uint32_t{SKEIN_EVENT_ERROR});
  EXPECT_EQ(outcome.terminal.reason, 0u);
  EXPECT_EQ(outcome.terminal.decode_us, 0u);
  const std::vector<std::string> expected = {"b request", "b queue", "e queue", "b prefill", "e prefill", "e request"};
  EXPECT_EQ(Phases(), expected);
}

class ObservedRequestTest : public ServingTest {};

TEST_F(ObservedRequestTest, MetricsHaveTheTimesOfTokens) {
  Run(NewRequest(NewStream(), {1, 2}, 5));
  const ModelObserver& observer = model_->engine()->observer();
  EXPECT_EQ(Count(observer.first_token_time()), 1u);
  EXPECT_EQ(Count(observer.token_gap()), 4u);
  EXPECT_EQ(Count(observer.step_time()), 5u);
}

// Of the first token and of those behind it, whichever sample they are of.
TEST_F(ObservedRequestTest, SamplesHaveOneFirstTokenAndGapsOfTheirOwn) {
  const auto request = NewRequest(NewStream(), {1, 2}, 5);
  Set(*request, "n", 3);
  ASSERT_TRUE(SubmitOne(request).ok());
  bool ended = false;
  while (!ended) {
    ASSERT_EQ(queue_->Wait(std::chrono::steady_clock::now() + std::chrono::seconds(20)), true);
    uint64_t needed;
    for (const QueuedEvent& event : queue_->Take(100, 1000, &needed)) {
      ended = ended || event.event.kind == SKEIN_EVENT_DONE;
    }
  }
  const ModelObserver& observer = model_->engine()->observer();
  EXPECT_EQ(Count(observer.first_token_time()), 1u);
  EXPECT_EQ(Count(observer.token_gap()), 3u * 4u);
}

TEST_F(ObservedRequestTest, JobsAreCountedByTheirState) {
  is_stalled_ = true;
  // A prompt of one token would count as a stream that decodes.
  ASSERT_TRUE(SubmitOne(NewRequest(NewStream(), {1, 2}, 2)).ok());
  WaitForStep(1);
  EXPECT_EQ(model_->engine()->observer().jobs().queued, 1u) << "as of the plan of the first step";
  ASSERT_TRUE(SubmitOne(NewRequest(NewStream(), {1, 2}, 1)).ok());
  hook_ = [this](FakeStep&) {
    is_stalled_ = num_steps_ == 1;  // again in the second step
    return absl::OkStatus();
  };
  is_stalled_ = false;
  WaitForStep(2);
  EXPECT_EQ(model_->engine()->observer().jobs().queued, 1u);
  EXPECT_EQ(model_->engine()->observer().jobs().running, 1u);
  is_stalled_ = false;
  Finish();
  Finish();
}

TEST_F(ObservedRequestTest, JobAtItsWindowIsPaused) {
  const auto request = NewRequest(NewStream(), {1}, 6);
  Set(*request, "window", 1);
  ASSERT_TRUE(SubmitOne(request).ok());
  while (model_->engine()->observer().jobs().paused == 0) std::this_thread::yield();
  EXPECT_EQ(model_->engine()->observer().jobs().running, 0u);
  request->Cancel();
  EXPECT_EQ(Finish().terminal.kind, uint32_t{SKEIN_EVENT_CANCELLED});
}

}  // namespace
}  // namespace skein
