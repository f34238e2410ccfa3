#include "serving/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>

#include "tests/unit/serving/serving_harness.h"

namespace skein {
namespace {

using test::FakeStep;
using test::Outcome;
using testing::ElementsAre;
using testing::HasSubstr;

class CompletionTest : public test::ServingTest {};

TEST_F(CompletionTest, WritesWhatTheModelWrites) {
  const Outcome outcome = Run(NewRequest(NewStream(), {1, 2, 3}, 5));
  EXPECT_EQ(outcome.tokens, Greedy({1, 2, 3}, 5));
  EXPECT_EQ(outcome.terminal.kind, SKEIN_EVENT_DONE);
  EXPECT_EQ(outcome.terminal.reason, SKEIN_REASON_LENGTH);
  EXPECT_EQ(outcome.terminal.num_prompt_tokens, 3u);
  EXPECT_EQ(outcome.terminal.num_tokens, 5u);
  EXPECT_EQ(outcome.terminal.position, 7u) << "the last token is pending";
}

TEST_F(CompletionTest, LongPromptIsReadInSteps) {
  const std::vector<uint32_t> prompt(150, 3);
  EXPECT_EQ(Run(NewRequest(NewStream(), prompt, 2)).tokens, Greedy(prompt, 2));
  EXPECT_EQ(num_steps_, 4);  // 64, 64, 22 and the first token
}

TEST_F(CompletionTest, NextRequestGoesOnFromThePendingToken) {
  const auto stream = NewStream();
  const std::vector<uint32_t> whole = Greedy({1, 2}, 6);
  EXPECT_EQ(Run(NewRequest(stream, {1, 2}, 3)).tokens, std::vector<uint32_t>(whole.begin(), whole.begin() + 3));
  EXPECT_EQ(stream->Committed().pending, whole[2]);
  EXPECT_EQ(Run(NewRequest(stream, {}, 3)).tokens, std::vector<uint32_t>(whole.begin() + 3, whole.end()));
}

TEST_F(CompletionTest, EmptyPromptOnAFreshStreamIsRefusedAndTheStreamStaysFree) {
  const auto stream = NewStream();
  EXPECT_TRUE(absl::IsFailedPrecondition(SubmitOne(NewRequest(stream, {}))));
  EXPECT_TRUE(stream->BeginWrite().ok());
}

TEST_F(CompletionTest, StopTokenIsNoPartOfTheOutput) {
  const auto stream = NewStream();
  const auto request = NewRequest(stream, {1, 2});
  const std::vector<uint32_t> tokens = Greedy({1, 2}, 3);
  ASSERT_TRUE(request->AddStopToken(tokens[2]).ok());
  const Outcome outcome = Run(request);
  EXPECT_THAT(outcome.tokens, ElementsAre(tokens[0], tokens[1]));
  EXPECT_EQ(outcome.terminal.reason, SKEIN_REASON_STOP_TOKEN);
  EXPECT_FALSE(stream->Committed().pending.has_value());
}

TEST_F(CompletionTest, StopTextIsFoundAcrossTokensAndIsNoPartOfTheText) {
  WriteText("Hello\n\nUser: more", 1);
  const auto request = NewRequest(NewStream(), {7}, 100);
  ASSERT_TRUE(request->AddStop("\n\nUser").ok());
  const Outcome outcome = Run(request);
  EXPECT_EQ(outcome.text, "Hello");
  EXPECT_EQ(outcome.terminal.reason, SKEIN_REASON_STOP_TEXT);
  EXPECT_EQ(outcome.terminal.num_tokens, 11u);
}

TEST_F(CompletionTest, TextThatOnlyLookedLikeAStopIsDelivered) {
  WriteText("a\n\nUse", 1);
  const auto request = NewRequest(NewStream(), {7}, 6);
  ASSERT_TRUE(request->AddStop("\n\nUser").ok());
  EXPECT_EQ(Run(request).text, "a\n\nUse");
}

TEST_F(CompletionTest, CharactersAreDeliveredWhole) {
  WriteText("\xE2\x82\xAC!", 1);
  ASSERT_TRUE(SubmitOne(NewRequest(NewStream(), {7}, 4)).ok());
  std::vector<std::string> texts;
  for (uint64_t needed; texts.size() < 5;) {
    ASSERT_EQ(queue_->Wait(std::chrono::steady_clock::now() + std::chrono::seconds(20)), true);
    for (const QueuedEvent& event : queue_->Take(1, 100, &needed)) texts.push_back(event.text);
  }
  EXPECT_THAT(texts, ElementsAre("", "", "\xE2\x82\xAC", "!", ""));
}

TEST_F(CompletionTest, HalfACharacterComesWithTheEnd) {
  WriteText("ab\xE2\x82", 1);
  EXPECT_EQ(Run(NewRequest(NewStream(), {7}, 4)).text, "ab\xE2\x82");
}

TEST_F(CompletionTest, StreamsShareSteps) {
  is_stalled_ = true;
  std::vector<std::shared_ptr<Request>> requests;
  for (uint32_t i = 0; i < 4; ++i) requests.push_back(NewRequest(NewStream(), {i + 1}, 3));
  ASSERT_TRUE(Submit(requests, queue_).ok());
  is_stalled_ = false;
  for (int i = 0; i < 4; ++i) Finish();
  EXPECT_EQ(num_steps_, 3);
}

// Cancels during each step of a request's life: whatever the moment, there is one terminal event, and the stream
// stands at a place that was committed.
TEST_F(CompletionTest, CancelAtEveryMoment) {
  for (int moment = 1; moment <= 6; ++moment) {
    num_steps_ = 0;
    const auto stream = NewStream();
    const auto request = NewRequest(stream, std::vector<uint32_t>(100, 2), 4);
    hook_ = [&](FakeStep&) {
      if (num_steps_ == moment) request->Cancel();
      return absl::OkStatus();
    };
    const Outcome outcome = Run(request);
    const bool ran_out = moment >= 5;  // two steps for the prompt, three for tokens after the first
    EXPECT_EQ(outcome.terminal.kind, ran_out ? SKEIN_EVENT_DONE : SKEIN_EVENT_CANCELLED) << "step " << moment;
    EXPECT_EQ(outcome.terminal.position, stream->Committed().position);
    EXPECT_TRUE(stream->BeginWrite().ok());
  }
}

TEST_F(CompletionTest, CancelBeforeTheFirstStep) {
  const auto request = NewRequest(NewStream(), {1});
  request->Cancel();
  const Outcome outcome = Run(request);
  EXPECT_EQ(outcome.terminal.kind, SKEIN_EVENT_CANCELLED);
  EXPECT_TRUE(outcome.tokens.empty());
}

TEST_F(CompletionTest, EntryThatFailsEndsTheRequestAndTheStreamStandsBeforeIt) {
  const auto stream = NewStream();
  hook_ = [&](FakeStep& step) {
    if (num_steps_ == 3) step.entries[0].status = SKEIN_DATA_LOSS;
    return absl::OkStatus();
  };
  const Outcome outcome = Run(NewRequest(stream, {1, 2}, 9));
  EXPECT_EQ(outcome.terminal.kind, SKEIN_EVENT_ERROR);
  EXPECT_EQ(outcome.terminal.status, SKEIN_DATA_LOSS);
  EXPECT_THAT(outcome.message, HasSubstr("not finite"));
  EXPECT_EQ(outcome.tokens, Greedy({1, 2}, 2));
  EXPECT_EQ(stream->Committed().position, 3u);
  hook_ = {};
  EXPECT_EQ(Run(NewRequest(stream, {}, 1)).tokens, (std::vector<uint32_t>{Greedy({1, 2}, 3)[2]}));
}

TEST_F(CompletionTest, StepThatFailsAsAWholeOnceLosesNothing) {
  hook_ = [&](FakeStep&) { return num_steps_ == 2 ? absl::InternalError("a hiccup") : absl::OkStatus(); };
  EXPECT_EQ(Run(NewRequest(NewStream(), {1, 2}, 4)).tokens, Greedy({1, 2}, 4));
}

TEST_F(CompletionTest, NoMemoryInAStepIsAnError) {
  hook_ = [&](FakeStep&) -> absl::Status {
    if (num_steps_ >= 2) throw std::bad_alloc();
    return absl::OkStatus();
  };
  const Outcome outcome = Run(NewRequest(NewStream(), {1, 2}, 4));
  EXPECT_EQ(outcome.terminal.status, SKEIN_RESOURCE_EXHAUSTED);
  EXPECT_EQ(outcome.message, "out of memory");
}

TEST_F(CompletionTest, RequestAtItsWindowWaitsAndOthersGoOn) {
  const auto slow = NewRequest(NewStream(), {1}, 6);
  Set(*slow, "window", 2);
  ASSERT_TRUE(SubmitOne(slow).ok());
  WaitForStep(2);
  auto other_queue = *CompletionQueue::Create();
  std::swap(queue_, other_queue);
  EXPECT_EQ(Run(NewRequest(NewStream(), {2}, 5)).tokens, Greedy({2}, 5));
  std::swap(queue_, other_queue);
  std::vector<uint32_t> tokens;
  bool ended = false;
  while (!ended) {
    ASSERT_EQ(queue_->Wait(std::chrono::steady_clock::now() + std::chrono::seconds(20)), true);
    uint64_t needed;
    for (const QueuedEvent& event : queue_->Take(100, 1000, &needed)) {
      if (event.event.kind == SKEIN_EVENT_TOKEN) {
        tokens.push_back(event.event.token);
        EXPECT_TRUE(slow->Acknowledge(1).ok());
      }
      ended = ended || event.event.kind == SKEIN_EVENT_DONE;
    }
  }
  EXPECT_EQ(tokens, Greedy({1}, 6));
}

TEST_F(CompletionTest, ClosedQueueEndsItsRequests) {
  const auto stream = NewStream();
  const auto request = NewRequest(stream, {1}, 1000000);
  ASSERT_TRUE(SubmitOne(request).ok());
  WaitForStep(3);
  queue_->Close();
  for (int i = 0; i < 2000 && !stream->BeginWrite().ok(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_TRUE(stream->BeginWrite().ok());
}

TEST_F(CompletionTest, ClosedQueueEndsARequestThatWaitsAtItsWindow) {
  const auto stream = NewStream();
  const auto request = NewRequest(stream, {1}, 100);
  Set(*request, "window", 1);
  ASSERT_TRUE(SubmitOne(request).ok());
  WaitForStep(1);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  queue_->Close();
  for (int i = 0; i < 2000 && !stream->BeginWrite().ok(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_TRUE(stream->BeginWrite().ok());
}

TEST_F(CompletionTest, ForkInMidStepStandsAtACommittedPlace) {
  const auto stream = NewStream();
  is_stalled_ = true;
  ASSERT_TRUE(SubmitOne(NewRequest(stream, {1, 2}, 4)).ok());
  WaitForStep(1);
  const auto fork = *stream->Fork();
  EXPECT_EQ(fork->Committed().position, 0u);
  is_stalled_ = false;
  EXPECT_EQ(Finish().tokens, Greedy({1, 2}, 4));
  EXPECT_EQ(Run(NewRequest(fork, {1, 2}, 4)).tokens, Greedy({1, 2}, 4));
}

TEST_F(CompletionTest, ModelMayBeReleasedWhileARequestRuns) {
  auto stream = NewStream();
  auto request = NewRequest(stream, {1, 2}, 50);
  is_stalled_ = true;
  ASSERT_TRUE(SubmitOne(request).ok());
  WaitForStep(1);
  request.reset();
  stream.reset();
  model_.reset();
  is_stalled_ = false;
  EXPECT_EQ(Finish().tokens, Greedy({1, 2}, 50));
}

TEST_F(CompletionTest, EventsSayWhatTheRequestWaitedFor) {
  hook_ = [](FakeStep&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    return absl::OkStatus();
  };
  const Outcome outcome = Run(NewRequest(NewStream(), std::vector<uint32_t>(100, 2), 3));
  EXPECT_GE(outcome.terminal.prefill_us, 6000u) << "two steps";
  EXPECT_GE(outcome.terminal.decode_us, 6000u) << "two more";
  EXPECT_EQ(outcome.terminal.num_cached_tokens, 0u);
}

// A request with penalties that is cut in two, on another stream from a snapshot, writes what one request would.
TEST_F(CompletionTest, SamplingGoesOnAfterARestore) {
  script_ = [](const std::vector<uint32_t>&) { return 5u; };
  const auto with_penalty = [this](const std::shared_ptr<Stream>& stream, std::vector<uint32_t> prompt, int64_t count) {
    auto request = NewRequest(stream, std::move(prompt), count);
    Options options(SKEIN_OPTIONS_REQUEST);
    EXPECT_TRUE(options.SetReal("frequency_penalty", 3).ok());
    EXPECT_TRUE(options.SetReal("penalty_decay", 0.9).ok());
    EXPECT_TRUE(options.SetReal("temperature", 1).ok());
    EXPECT_TRUE(options.SetReal("top_p", 1).ok());
    EXPECT_TRUE(request->SetOptions(options).ok());
    return request;
  };
  const std::vector<uint32_t> whole = Run(with_penalty(NewStream(), {1}, 24)).tokens;
  const auto stream = NewStream();
  const std::vector<uint32_t> first = Run(with_penalty(stream, {1}, 12)).tokens;
  const StreamState at = stream->Committed();
  PlannedSnapshot planned(*stream->model(), at);
  std::vector<uint8_t> bytes(planned.num_bytes());
  ASSERT_TRUE(planned.Write(absl::MakeSpan(bytes)).ok());
  const auto restored = NewStream();
  ASSERT_TRUE(restored->Restore(bytes).ok());
  const auto second = with_penalty(restored, {}, 12);
  Set(*second, "continue_sampling", 1);
  std::vector<uint32_t> both = first;
  const std::vector<uint32_t> rest = Run(second).tokens;
  both.insert(both.end(), rest.begin(), rest.end());
  EXPECT_EQ(both, whole);
  EXPECT_NE(Run(with_penalty(stream, {}, 12)).tokens, rest) << "without the option the penalties start anew";
}

TEST_F(CompletionTest, SamplingDoesNotGoOnBehindAPrompt) {
  const auto request = NewRequest(NewStream(), {1});
  Set(*request, "continue_sampling", 1);
  EXPECT_TRUE(absl::IsFailedPrecondition(SubmitOne(request)));
}

// The model's head is on a device that draws tokens.
class DeviceSamplingCompletionTest : public test::ServingTest {
 protected:
  DeviceSamplingCompletionTest() : ServingTest({.head_features = SKEIN_FEATURE_SAMPLE | SKEIN_FEATURE_MASK_AND_BIAS}) {
    hook_ = [this](FakeStep& step) {
      for (const skein_step_entry& entry : step.entries) outputs_.push_back(entry.output);
      return absl::OkStatus();
    };
  }

  std::vector<uint32_t> outputs_;  // of all entries so far
};

TEST_F(DeviceSamplingCompletionTest, WritesWhatTheDeviceDraws) {
  const Outcome outcome = Run(NewRequest(NewStream(), std::vector<uint32_t>(100, 2), 3));
  EXPECT_EQ(outcome.tokens, Greedy(std::vector<uint32_t>(100, 2), 3));
  EXPECT_THAT(outputs_, ElementsAre(SKEIN_STEP_NO_OUTPUT, SKEIN_STEP_SAMPLE, SKEIN_STEP_SAMPLE, SKEIN_STEP_SAMPLE));
}

TEST_F(DeviceSamplingCompletionTest, ATokenOutsideTheVocabularyIsAnErrorOfTheRequest) {
  script_ = [](const std::vector<uint32_t>&) { return test::FakeStepRunner::kVocabSize; };
  const Outcome outcome = Run(NewRequest(NewStream(), {1}, 3));
  EXPECT_EQ(outcome.terminal.status, SKEIN_INTERNAL);
  EXPECT_THAT(outcome.message, HasSubstr("the device drew token 300"));
}

TEST_F(DeviceSamplingCompletionTest, BiasesThatLeaveNoTokenAreAnErrorOfTheRequest) {
  hook_ = [](FakeStep& step) {
    step.entries[0].status = SKEIN_FAILED_PRECONDITION;
    return absl::OkStatus();
  };
  const Outcome outcome = Run(NewRequest(NewStream(), {1}, 3));
  EXPECT_EQ(outcome.terminal.status, SKEIN_FAILED_PRECONDITION);
  EXPECT_THAT(outcome.message, HasSubstr("biases"));
}

class CrowdedTest : public test::ServingTest {
 protected:
  CrowdedTest() : ServingTest({.max_streams = 4, .max_tokens = 64, .num_slots = 10}) {}
};

TEST_F(CrowdedTest, SnapshotsOfOthersDoNotKillARequest) {
  const auto stream = NewStream();
  const auto other = NewStream();
  std::atomic<bool> is_done{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 12; ++i) {
    threads.emplace_back([&, i] {
      const auto& seen = i % 2 == 0 ? stream : other;
      while (!is_done) {
        const StreamState at = seen->Committed();
        PlannedSnapshot planned(*seen->model(), at);
        std::vector<uint8_t> bytes(planned.num_bytes());
        const absl::Status status = planned.Write(absl::MakeSpan(bytes));
        EXPECT_TRUE(status.ok()) << status;
      }
    });
  }
  EXPECT_EQ(Run(NewRequest(stream, {1, 2}, 300)).tokens, Greedy({1, 2}, 300));
  is_done = true;
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace skein
