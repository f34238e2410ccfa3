#include "serving/submit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/serving/serving_harness.h"

namespace skein {
namespace {

using test::Outcome;
using testing::HasSubstr;

class SubmitTest : public test::ServingTest {};

TEST_F(SubmitTest, AllOrNone) {
  const auto stream = NewStream();
  const auto busy = NewStream();
  WriteRight held = *busy->BeginWrite();
  const auto a = NewRequest(stream, {1}, 2);
  const auto b = NewRequest(busy, {2}, 2);
  const absl::Status status = Submit({{a, b}}, queue_);
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(status.message(), HasSubstr("request 1"));
  EXPECT_TRUE(stream->BeginWrite().ok());
  held.Release();
  EXPECT_EQ(Run(b).tokens, Greedy({2}, 2));
}

TEST_F(SubmitTest, FailedSubmitLeavesNoTieToItsQueue) {
  const auto busy = NewStream();
  WriteRight held = *busy->BeginWrite();
  const auto a = NewRequest(NewStream(), {1}, 400);
  auto first_queue = *CompletionQueue::Create();
  EXPECT_FALSE(Submit({{a, NewRequest(busy, {2}, 2)}}, first_queue).ok());
  ASSERT_TRUE(SubmitOne(a).ok());
  first_queue->Close();
  const Outcome outcome = Finish();
  EXPECT_EQ(outcome.terminal.kind, SKEIN_EVENT_DONE);
  EXPECT_EQ(outcome.tokens, Greedy({1}, 400));
}

TEST_F(SubmitTest, RequestIsSubmittedOnce) {
  const auto request = NewRequest(NewStream(), {1}, 1);
  EXPECT_TRUE(absl::IsFailedPrecondition(Submit({{request, request}}, queue_)));
  EXPECT_EQ(Run(request).tokens.size(), 1u);
  EXPECT_TRUE(absl::IsFailedPrecondition(SubmitOne(request)));
  EXPECT_TRUE(absl::IsFailedPrecondition(request->AddStopToken(3)));
}

TEST_F(SubmitTest, StreamTakesOneRequestAtATime) {
  const auto stream = NewStream();
  is_stalled_ = true;
  ASSERT_TRUE(SubmitOne(NewRequest(stream, {1}, 2)).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(SubmitOne(NewRequest(stream, {1}, 2))));
  is_stalled_ = false;
  EXPECT_EQ(Finish().tokens.size(), 2u);
  EXPECT_EQ(Run(NewRequest(stream, {1}, 2)).tokens.size(), 2u) << "free before its last event is seen";
}

TEST_F(SubmitTest, ClosedQueueTakesNone) {
  const auto request = NewRequest(NewStream(), {1}, 1);
  queue_->Close();
  EXPECT_TRUE(absl::IsCancelled(SubmitOne(request)));
  queue_ = *CompletionQueue::Create();
  EXPECT_EQ(Run(request).tokens.size(), 1u);
}

TEST_F(SubmitTest, ImpossibleSamplingIsRefused) {
  const auto stream = NewStream();
  const auto request = NewRequest(stream, {1}, 1);
  ASSERT_TRUE(request->SetLogitBias(3, 1.0f).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(request->SetLogitBias(300, 1.0f)));
  EXPECT_TRUE(absl::IsInvalidArgument(request->SetLogitBias(3, std::numeric_limits<float>::quiet_NaN())));
  EXPECT_TRUE(absl::IsInvalidArgument(request->AddStop("")));
  EXPECT_TRUE(absl::IsInvalidArgument(request->SetPromptTokens({{5, 300}})));
  EXPECT_EQ(Run(request).tokens.size(), 1u);
}

TEST_F(SubmitTest, RequestsOfTwoModelsGoToTheirEngines) {
  const auto a = NewRequest(NewStream(), {1}, 3);
  auto first = model_;
  MakeModel({});
  const auto b = NewRequest(NewStream(), {2}, 3);
  ASSERT_TRUE(Submit({{a, b}}, queue_).ok());
  const Outcome one = Finish();
  const Outcome other = Finish();
  EXPECT_EQ(one.terminal.kind, SKEIN_EVENT_DONE);
  EXPECT_EQ(other.terminal.kind, SKEIN_EVENT_DONE);
  EXPECT_EQ(one.tokens.size() + other.tokens.size(), 6u);
}

TEST_F(SubmitTest, ReleasedStreamCancelsItsRequest) {
  const auto stream = NewStream();
  ASSERT_TRUE(SubmitOne(NewRequest(stream, {1}, 1000000)).ok());
  stream->CancelWriter();
  EXPECT_EQ(Finish().terminal.kind, SKEIN_EVENT_CANCELLED);
}

}  // namespace
}  // namespace skein
