#include "serving/sample.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "tests/unit/serving/serving_harness.h"

namespace skein {
namespace {

using test::FakeStep;
using test::FakeStepRunner;
using test::Outcome;
using testing::ElementsAre;
using testing::HasSubstr;

// The texts that a request with several samples delivered.
struct Written {
  std::map<uint32_t, std::vector<uint32_t>> tokens;  // by sample
  std::map<uint32_t, std::string> texts;
  std::map<uint32_t, std::vector<float>> logprobs;
  std::map<uint32_t, skein_event> ends;
  std::map<uint32_t, std::string> messages;  // of samples that failed
  std::vector<uint32_t> order;               // of the ends
  skein_event terminal = {};
  std::string message;
};

class SampleTest : public test::ServingTest {
 protected:
  explicit SampleTest(const test::FakeModelLimits& limits = {}) : ServingTest(limits) {}

  // A request whose tokens depend on the random numbers.
  std::shared_ptr<Request> NewSamples(const std::shared_ptr<Stream>& stream, const std::vector<uint32_t>& prompt,
                                      int64_t n, int64_t best_of = 0, int64_t max_tokens = 6) {
    auto request = NewRequest(stream, prompt, max_tokens);
    Options options(SKEIN_OPTIONS_REQUEST);
    EXPECT_TRUE(options.SetReal("temperature", 8).ok());
    EXPECT_TRUE(options.SetReal("top_p", 1).ok());
    EXPECT_TRUE(options.SetInt("seed", 3).ok());
    EXPECT_TRUE(options.SetInt("n", n).ok());
    EXPECT_TRUE(options.SetInt("best_of", best_of).ok());
    EXPECT_TRUE(request->SetOptions(options).ok());
    return request;
  }

  // Takes events until the terminal one; there may be none behind it.
  Written Collect() {
    Written written;
    while (written.terminal.kind == 0) {
      const std::optional<bool> ready = queue_->Wait(std::chrono::steady_clock::now() + std::chrono::seconds(20));
      if (ready != true) {
        ADD_FAILURE() << "no terminal event within 20 s";
        return written;
      }
      uint64_t needed;
      for (const QueuedEvent& queued : queue_->Take(100, 1 << 20, &needed)) Note(queued, written);
    }
    return written;
  }
  Written Write(const std::shared_ptr<Request>& request) {
    const absl::Status status = SubmitOne(request);
    EXPECT_TRUE(status.ok()) << status;
    return status.ok() ? Collect() : Written();
  }

  // The tokens of a request of its own that draws as sample `index` draws.
  std::vector<uint32_t> Alone(const std::shared_ptr<Stream>& stream, const std::vector<uint32_t>& prompt,
                              int64_t index) {
    const auto request = NewSamples(stream, prompt, 1);
    Set(*request, "sample_index", index);
    return Run(request).tokens;
  }

  // So many streams of the model are free.
  void ExpectFreeStreams(size_t num_free) {
    std::vector<std::shared_ptr<Stream>> streams;
    for (size_t i = 0; i < num_free; ++i) {
      absl::StatusOr<std::shared_ptr<Stream>> stream = Stream::Create(model_, "");
      ASSERT_TRUE(stream.ok()) << i << ": " << stream.status();
      streams.push_back(*std::move(stream));
    }
    EXPECT_FALSE(Stream::Create(model_, "").ok());
  }

 private:
  static void Note(const QueuedEvent& queued, Written& written) {
    const skein_event& event = queued.event;
    EXPECT_EQ(written.terminal.kind, 0u) << "an event behind the terminal one";
    switch (event.kind) {
      case SKEIN_EVENT_TOKEN:
        EXPECT_EQ(written.ends.count(event.sample), 0u) << "a token behind the sample's end";
        written.tokens[event.sample].push_back(event.token);
        written.logprobs[event.sample].push_back(event.logprob);
        written.texts[event.sample] += queued.text;
        EXPECT_EQ(event.num_tokens, written.tokens[event.sample].size());
        break;
      case SKEIN_EVENT_SAMPLE_DONE:
        written.order.push_back(event.sample);
        written.ends[event.sample] = event;
        (event.status == SKEIN_OK ? written.texts : written.messages)[event.sample] += queued.text;
        break;
      default:
        written.terminal = event;
        written.message = queued.text;
    }
  }
};

TEST_F(SampleTest, EachIsWhatARequestOfItsOwnWouldWrite) {
  const Written written = Write(NewSamples(NewStream(), {1, 2, 3}, 4));
  ASSERT_EQ(written.tokens.size(), 4u);
  for (const auto& [index, tokens] : written.tokens) {
    EXPECT_EQ(tokens, Alone(NewStream(), {1, 2, 3}, index)) << index;
    EXPECT_EQ(written.ends.at(index).reason, SKEIN_REASON_LENGTH);
    EXPECT_EQ(written.ends.at(index).num_tokens, 6u);
    EXPECT_EQ(written.ends.at(index).position, 8u) << "the last token is pending";
  }
  EXPECT_NE(written.tokens.at(0), written.tokens.at(1));
  EXPECT_EQ(written.terminal.kind, SKEIN_EVENT_DONE);
  EXPECT_EQ(written.terminal.reason, SKEIN_REASON_LENGTH);
  EXPECT_EQ(written.terminal.num_prompt_tokens, 3u);
  EXPECT_EQ(written.terminal.num_tokens, 24u) << "of all samples";
}

TEST_F(SampleTest, OneSampleEndsAsEverWithoutAnEventOfItsOwn) {
  const Written written = Write(NewSamples(NewStream(), {1, 2, 3}, 1));
  EXPECT_EQ(written.tokens.at(0).size(), 6u);
  EXPECT_TRUE(written.ends.empty());
  EXPECT_EQ(written.terminal.num_tokens, 6u);
}

TEST_F(SampleTest, PromptIsReadOnceAndNothingIsCopied) {
  std::vector<FakeStep> steps;
  hook_ = [&steps](FakeStep& step) {
    steps.push_back(step);
    return absl::OkStatus();
  };
  Write(NewSamples(NewStream(), std::vector<uint32_t>(100, 2), 4, 0, 3));
  ASSERT_EQ(steps.size(), 4u) << "two for the prompt, two for the second and the third tokens";
  EXPECT_EQ(steps[0].tokens.size() + steps[1].tokens.size(), 100u);
  ASSERT_EQ(steps[2].entries.size(), 4u);
  for (const skein_step_entry& entry : steps[2].entries) {
    EXPECT_EQ(entry.read_slot, steps[1].entries[0].write_slot) << "all samples read one state";
    EXPECT_EQ(entry.num_tokens, 1u);
  }
}

TEST_F(SampleTest, GoOnFromAPendingToken) {
  const auto stream = NewStream();
  const auto other = NewStream();
  Run(NewRequest(stream, {1, 2}, 3));
  Run(NewRequest(other, {1, 2}, 3));
  const Written written = Write(NewSamples(stream, {}, 2));
  EXPECT_EQ(written.tokens.at(1), Alone(other, {}, 1));
}

TEST_F(SampleTest, StreamGoesOnFromTheFirstAndTheOthersCanBeTaken) {
  const auto stream = NewStream();
  const auto request = NewSamples(stream, {1, 2, 3}, 3);
  EXPECT_TRUE(absl::IsFailedPrecondition(request->SampleStream(1).status())) << "not submitted";
  const Written written = Write(request);
  const auto history = [&](uint32_t sample) {
    std::vector<uint32_t> all = {1, 2, 3};
    all.insert(all.end(), written.tokens.at(sample).begin(), written.tokens.at(sample).end());
    return all;
  };
  EXPECT_EQ(Run(NewRequest(stream, {}, 4)).tokens, Greedy(history(0), 4));
  EXPECT_TRUE(absl::IsFailedPrecondition(request->SampleStream(0).status())) << "the stream itself";
  EXPECT_TRUE(absl::IsInvalidArgument(request->SampleStream(3).status()));
  for (uint32_t sample = 1; sample < 3; ++sample) {
    const auto taken = request->SampleStream(sample);
    ASSERT_TRUE(taken.ok()) << taken.status();
    request->HandOverSample(sample);
    EXPECT_TRUE(absl::IsFailedPrecondition(request->SampleStream(sample).status())) << "taken";
    EXPECT_EQ(Run(NewRequest(*taken, {}, 4)).tokens, Greedy(history(sample), 4));
  }
}

TEST_F(SampleTest, StreamsOfSamplesAreHeldUntilTheRequestIsGone) {
  auto request = NewSamples(NewStream(), {1, 2, 3}, 3);
  Write(request);
  ExpectFreeStreams(5);
  request.reset();
  ExpectFreeStreams(8);
}

TEST_F(SampleTest, EachStopsOnItsOwn) {
  const Written free = Write(NewSamples(NewStream(), {1, 2, 3}, 3));
  const uint32_t stop = free.tokens.at(1)[2];
  for (const uint32_t other : {0u, 2u}) {
    ASSERT_EQ(std::count(free.tokens.at(other).begin(), free.tokens.at(other).end(), stop), 0) << "choose another seed";
  }
  const auto request = NewSamples(NewStream(), {1, 2, 3}, 3);
  ASSERT_TRUE(request->AddStopToken(stop).ok());
  const Written written = Write(request);
  EXPECT_EQ(written.ends.at(1).reason, SKEIN_REASON_STOP_TOKEN);
  EXPECT_EQ(written.tokens.at(1).size(), 2u);
  EXPECT_EQ(written.tokens.at(0), free.tokens.at(0));
  EXPECT_EQ(written.tokens.at(2), free.tokens.at(2));
  EXPECT_EQ(written.terminal.num_tokens, 14u);
}

TEST_F(SampleTest, StopAtTheFirstTokenEndsASampleBehindThePrompt) {
  const Written free = Write(NewSamples(NewStream(), {1, 2, 3}, 2));
  const uint32_t stop = free.tokens.at(1)[0];
  ASSERT_NE(free.tokens.at(0)[0], stop);
  const auto request = NewSamples(NewStream(), {1, 2, 3}, 2);
  ASSERT_TRUE(request->AddStopToken(stop).ok());
  const Written written = Write(request);
  EXPECT_EQ(written.tokens.count(1), 0u);
  const auto taken = request->SampleStream(1);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ((*taken)->Committed().position, 3u);
  EXPECT_FALSE((*taken)->Committed().pending.has_value());
}

TEST_F(SampleTest, TextsDoNotMix) {
  script_ = [](const std::vector<uint32_t>& history) { return uint32_t{'a'} + static_cast<uint32_t>(history.size()); };
  const auto request = NewRequest(NewStream(), {7}, 20);
  Set(*request, "n", 2);
  ASSERT_TRUE(request->AddStop("fg").ok());
  const Written written = Write(request);
  EXPECT_EQ(written.texts.at(0), "bcde");
  EXPECT_EQ(written.texts.at(1), "bcde");
  EXPECT_EQ(written.ends.at(1).reason, SKEIN_REASON_STOP_TEXT);
}

TEST_F(SampleTest, OneThatFailsLeavesTheOthers) {
  const Written free = Write(NewSamples(NewStream(), {1, 2}, 3));
  num_steps_ = 0;
  hook_ = [this](FakeStep& step) {
    if (num_steps_ == 3) step.entries[1].status = SKEIN_DATA_LOSS;
    return absl::OkStatus();
  };
  const Written written = Write(NewSamples(NewStream(), {1, 2}, 3));
  ASSERT_EQ(written.messages.size(), 1u);
  const auto& [failed, message] = *written.messages.begin();
  EXPECT_THAT(message, HasSubstr("not finite"));
  EXPECT_EQ(written.ends.at(failed).status, SKEIN_DATA_LOSS);
  EXPECT_EQ(written.tokens.at(failed).size(), 2u);
  for (uint32_t sample = 0; sample < 3; ++sample) {
    if (sample != failed) {
      EXPECT_EQ(written.tokens.at(sample), free.tokens.at(sample));
    }
  }
  EXPECT_EQ(written.terminal.kind, SKEIN_EVENT_DONE);
  EXPECT_EQ(written.terminal.reason, SKEIN_REASON_LENGTH);
}

TEST_F(SampleTest, RequestFailsIfAllDo) {
  hook_ = [this](FakeStep& step) {
    for (skein_step_entry& entry : step.entries) entry.status = num_steps_ == 2 ? SKEIN_DATA_LOSS : SKEIN_OK;
    return absl::OkStatus();
  };
  const Written written = Write(NewSamples(NewStream(), {1, 2}, 3));
  EXPECT_EQ(written.ends.size(), 3u);
  EXPECT_EQ(written.terminal.kind, SKEIN_EVENT_ERROR);
  EXPECT_EQ(written.terminal.status, SKEIN_DATA_LOSS);
  EXPECT_THAT(written.message, HasSubstr("not finite"));
}

TEST_F(SampleTest, PromptThatFailsEndsTheRequestAndFreesItsStreams) {
  hook_ = [](FakeStep& step) {
    step.entries[0].status = SKEIN_DATA_LOSS;
    return absl::OkStatus();
  };
  auto stream = NewStream();
  const Written written = Write(NewSamples(stream, {1, 2}, 3));
  EXPECT_TRUE(written.ends.empty());
  EXPECT_EQ(written.terminal.kind, SKEIN_EVENT_ERROR);
  EXPECT_THAT(written.message, HasSubstr("not finite"));
  EXPECT_TRUE(stream->BeginWrite().ok());
  stream.reset();
  ExpectFreeStreams(8);
}

TEST_F(SampleTest, CancelAtEveryMoment) {
  for (int moment = 1; moment <= 6; ++moment) {
    SCOPED_TRACE(moment);
    num_steps_ = 0;
    const auto stream = NewStream();
    const auto request = NewSamples(stream, std::vector<uint32_t>(100, 2), 3, 0, 4);
    hook_ = [&](FakeStep&) {
      if (num_steps_ == moment) request->Cancel();
      return absl::OkStatus();
    };
    const Written written = Write(request);
    const bool ran_out = moment >= 5;  // two steps for the prompt, three for tokens after the first
    EXPECT_EQ(written.terminal.kind, ran_out ? SKEIN_EVENT_DONE : SKEIN_EVENT_CANCELLED);
    EXPECT_EQ(written.ends.size(), ran_out ? 3u : 0u);
    EXPECT_EQ(written.terminal.position, stream->Committed().position);
    EXPECT_TRUE(stream->BeginWrite().ok());
    if (written.tokens.count(1) != 0) {
      EXPECT_EQ((*request->SampleStream(1))->Committed().pending, written.tokens.at(1).back());
    }
  }
}

TEST_F(SampleTest, CountAsStreamsOfTheModel) {
  const auto stream = NewStream();
  const absl::Status too_many = SubmitOne(NewSamples(stream, {1}, 9));
  EXPECT_TRUE(absl::IsResourceExhausted(too_many));
  EXPECT_THAT(std::string(too_many.message()), HasSubstr("9 samples count as 9 streams"));
  EXPECT_THAT(std::string(too_many.message()), HasSubstr("max_streams is 8"));
  std::vector<std::shared_ptr<Stream>> others;
  for (int i = 0; i < 5; ++i) others.push_back(NewStream());
  const auto request = NewSamples(stream, {1}, 4);
  const absl::Status full = SubmitOne(request);
  EXPECT_TRUE(absl::IsResourceExhausted(full));
  EXPECT_THAT(std::string(full.message()), HasSubstr("4 samples count as 4 streams"));
  EXPECT_THAT(std::string(full.message()), HasSubstr("the model has 8, which is its option max_streams"));
  others.pop_back();
  EXPECT_EQ(Write(request).ends.size(), 4u) << "the request and its stream are as they were";
}

TEST_F(SampleTest, FewerToChooseFromThanToDeliverIsRefused) {
  const absl::Status status = SubmitOne(NewSamples(NewStream(), {1}, 3, 2));
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("best_of 2"));
}

TEST_F(SampleTest, BestOnesComeInOrderOfTheirMeanLogprob) {
  MakeModel({.max_streams = 16, .num_slots = 34});
  const auto stream = NewStream();
  const auto request = NewSamples(stream, {1, 2, 3}, 2, 6);
  const auto unranked = NewSamples(NewStream(), {1, 2, 3}, 6);
  Options colder(SKEIN_OPTIONS_REQUEST);  // so that a third of the tokens are the most probable ones
  ASSERT_TRUE(colder.SetReal("temperature", 2).ok());
  for (const auto& each : {request, unranked}) ASSERT_TRUE(each->SetOptions(colder).ok());
  const Written written = Write(request);
  const Written all = Write(unranked);
  // The model's row has one logit of 10 and zeros.
  const double sum = std::log(FakeStepRunner::kVocabSize - 1 + std::exp(10.0));
  std::map<uint32_t, double> means;
  for (const auto& [sample, tokens] : all.tokens) {
    std::vector<uint32_t> history = {1, 2, 3};
    double total = 0;
    for (const uint32_t token : tokens) {
      total += (token == FakeStepRunner::Next(history) ? 10.0 : 0.0) - sum;
      history.push_back(token);
    }
    means[sample] = total / static_cast<double>(tokens.size());
  }
  std::vector<uint32_t> order = {0, 1, 2, 3, 4, 5};
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return means[a] > means[b]; });
  ASSERT_NE(order[0], 0u) << "choose another seed";
  EXPECT_THAT(written.order, ElementsAre(order[0], order[1]));
  for (const uint32_t sample : written.order) {
    EXPECT_EQ(written.tokens.at(sample), all.tokens.at(sample));
    EXPECT_NEAR(written.ends.at(sample).logprob_sum, means[sample] * 6, 1e-4);
    EXPECT_NEAR(std::accumulate(written.logprobs.at(sample).begin(), written.logprobs.at(sample).end(), 0.0),
                means[sample] * 6, 1e-4);
  }
  EXPECT_EQ(written.tokens.size(), 2u);
  EXPECT_EQ(written.terminal.sample, order[0]);
  EXPECT_EQ(written.terminal.num_tokens, 36u);
  EXPECT_EQ(stream->Committed().pending, all.tokens.at(order[0]).back()) << "the stream goes on from the best one";
  for (uint32_t sample = 0; sample < 6; ++sample) {
    if (sample == order[0]) continue;
    const auto kept = request->SampleStream(sample);
    ASSERT_TRUE(kept.ok()) << kept.status();
    EXPECT_EQ((*kept)->Committed().pending, all.tokens.at(sample).back());
  }
}

TEST_F(SampleTest, LongSampleIsNotWorseForItsLength) {
  MakeModel({.max_streams = 16, .num_slots = 34});
  const auto wish = [this](int64_t n, int64_t best_of) {
    auto request = NewSamples(NewStream(), {1, 2, 3}, n, best_of, 12);
    Options colder(SKEIN_OPTIONS_REQUEST);
    EXPECT_TRUE(colder.SetReal("temperature", 2).ok());
    EXPECT_TRUE(colder.SetInt("logprobs", 0).ok());
    EXPECT_TRUE(request->SetOptions(colder).ok());
    for (uint32_t token = 0; token < 50; ++token) EXPECT_TRUE(request->AddStopToken(token).ok());
    return request;
  };
  const Written all = Write(wish(6, 0));
  std::map<uint32_t, double> sums, means;
  for (const auto& [sample, tokens] : all.tokens) {
    sums[sample] = all.ends.at(sample).logprob_sum;
    means[sample] = sums[sample] / static_cast<double>(tokens.size());
  }
  const auto best_by = [](const std::map<uint32_t, double>& values) {
    const auto less = [](const auto& a, const auto& b) { return a.second < b.second; };
    return std::max_element(values.begin(), values.end(), less)->first;
  };
  ASSERT_NE(best_by(means), best_by(sums)) << "choose another seed";
  EXPECT_THAT(Write(wish(1, 6)).order, ElementsAre(best_by(means)));
}

TEST_F(SampleTest, RankedTokensComeAtTheEnd) {
  is_stalled_ = true;
  ASSERT_TRUE(SubmitOne(NewSamples(NewStream(), {1, 2}, 1, 3, 4)).ok());
  hook_ = [this](FakeStep&) {
    uint64_t needed = 0;
    EXPECT_TRUE(queue_->Take(100, 1000, &needed).empty());
    return absl::OkStatus();
  };
  is_stalled_ = false;
  const Written written = Collect();
  EXPECT_EQ(written.tokens.size(), 1u);
  EXPECT_EQ(written.tokens.begin()->second.size(), 4u);
}

TEST_F(SampleTest, CancelledRankingDeliversNothingElse) {
  const auto request = NewSamples(NewStream(), {1, 2}, 1, 3, 100);
  hook_ = [&](FakeStep&) {
    if (num_steps_ == 5) request->Cancel();
    return absl::OkStatus();
  };
  const Written written = Write(request);
  EXPECT_EQ(written.terminal.kind, SKEIN_EVENT_CANCELLED);
  EXPECT_TRUE(written.tokens.empty());
  EXPECT_TRUE(written.ends.empty());
}

TEST_F(SampleTest, WindowCountsTheTokensOfAll) {
  const auto request = NewSamples(NewStream(), {1}, 3, 0, 5);
  Set(*request, "window", 4);
  ASSERT_TRUE(SubmitOne(request).ok());
  // The first tokens fill three of four places, and the second step goes beyond them.
  WaitForStep(2);
  auto other_queue = *CompletionQueue::Create();
  std::swap(queue_, other_queue);
  Run(NewRequest(NewStream(), {2}, 5));
  std::swap(queue_, other_queue);
  uint64_t needed;
  EXPECT_EQ(queue_->Take(100, 1000, &needed).size(), 6u);
  request->Cancel();
  EXPECT_EQ(Collect().terminal.kind, SKEIN_EVENT_CANCELLED);
}

TEST_F(SampleTest, LogprobsAreThoseOfTheModelsLogits) {
  const auto request = NewSamples(NewStream(), {1, 2, 3}, 1);
  Set(*request, "logprobs", 0);
  ASSERT_TRUE(request->SetLogitBias(17, 5.0f).ok());
  const Written written = Write(request);
  const double sum = std::log(FakeStepRunner::kVocabSize - 1 + std::exp(10.0));
  std::vector<uint32_t> history = {1, 2, 3};
  double total = 0;
  for (size_t i = 0; i < written.tokens.at(0).size(); ++i) {
    const uint32_t token = written.tokens.at(0)[i];
    const double expected = (token == FakeStepRunner::Next(history) ? 10.0 : 0.0) - sum;
    EXPECT_NEAR(written.logprobs.at(0)[i], expected, 1e-5);
    total += expected;
    history.push_back(token);
  }
  EXPECT_NEAR(written.terminal.logprob_sum, total, 1e-4);
}

TEST_F(SampleTest, LogprobsThatNobodyAskedForAreNoNumbers) {
  const Written written = Write(NewSamples(NewStream(), {1}, 2));
  for (const auto& [sample, logprobs] : written.logprobs) {
    EXPECT_TRUE(std::all_of(logprobs.begin(), logprobs.end(), [](float logprob) { return std::isnan(logprob); }));
  }
  EXPECT_TRUE(std::isnan(written.ends.at(1).logprob_sum));
  EXPECT_TRUE(std::isnan(written.terminal.logprob_sum));
}

TEST_F(SampleTest, MostProbableTokensAreKeptBesideEachToken) {
  const auto request = NewSamples(NewStream(), {1, 2, 3}, 2);
  Set(*request, "logprobs", 2);
  EXPECT_TRUE(absl::IsFailedPrecondition(request->logprobs().Read(0, 0, 0).status())) << "not submitted";
  const Written written = Write(request);
  const double sum = std::log(FakeStepRunner::kVocabSize - 1 + std::exp(10.0));
  for (uint32_t sample = 0; sample < 2; ++sample) {
    const auto rows = request->logprobs().Read(sample, 0, 6);
    ASSERT_TRUE(rows.ok()) << rows.status();
    ASSERT_EQ(rows->size(), 18u);
    std::vector<uint32_t> history = {1, 2, 3};
    for (size_t i = 0; i < 6; ++i) {
      const uint32_t next = FakeStepRunner::Next(history);
      EXPECT_EQ((*rows)[3 * i].token, written.tokens.at(sample)[i]);
      EXPECT_EQ((*rows)[3 * i].logprob, written.logprobs.at(sample)[i]);
      EXPECT_EQ((*rows)[3 * i + 1].token, next);
      EXPECT_NEAR((*rows)[3 * i + 1].logprob, 10 - sum, 1e-5);
      EXPECT_EQ((*rows)[3 * i + 2].token, next == 0 ? 1u : 0u) << "of equals the one with the lower id";
      history.push_back(written.tokens.at(sample)[i]);
    }
  }
  EXPECT_TRUE(absl::IsInvalidArgument(request->logprobs().Read(2, 0, 1).status()));
  EXPECT_TRUE(absl::IsNotFound(request->logprobs().Read(1, 5, 2).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(request->logprobs().Read(SKEIN_SAMPLE_PROMPT, 0, 1).status()));
}

TEST_F(SampleTest, LogprobsOfThePromptAreKept) {
  std::vector<uint32_t> prompt(150, 3);
  for (size_t i = 50; i < 60; ++i)
    prompt[i] = FakeStepRunner::Next({prompt.begin(), prompt.begin() + static_cast<ptrdiff_t>(i)});
  const auto request = NewSamples(NewStream(), prompt, 2);
  Set(*request, "prompt_logprobs", 1);
  const Written written = Write(request);
  EXPECT_EQ(written.tokens.at(1), Alone(NewStream(), prompt, 1)) << "drawn from the last row";
  const auto rows = request->logprobs().Read(SKEIN_SAMPLE_PROMPT, 0, 150);
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ((*rows)[0].token, 3u);
  EXPECT_TRUE(std::isnan((*rows)[0].logprob));
  EXPECT_EQ((*rows)[1].token, SKEIN_NO_TOKEN);
  const double sum = std::log(FakeStepRunner::kVocabSize - 1 + std::exp(10.0));
  for (size_t i = 1; i < 150; ++i) {
    const uint32_t next = FakeStepRunner::Next({prompt.begin(), prompt.begin() + static_cast<ptrdiff_t>(i)});
    EXPECT_EQ((*rows)[2 * i].token, prompt[i]);
    EXPECT_NEAR((*rows)[2 * i].logprob, (prompt[i] == next ? 10 : 0) - sum, 1e-5) << i;
    EXPECT_EQ((*rows)[2 * i + 1].token, next);
  }
}

// The rows of one part have their place, so that no second part may be in flight; the samples run ahead as ever.
TEST_F(SampleTest, StepsInFlightChangeNothing) {
  std::vector<uint32_t> prompt(200);
  std::iota(prompt.begin(), prompt.end(), 1u);
  const Written expected = Write(NewSamples(NewStream(), prompt, 3));
  pipeline_ = {.depth = 4, .num_stages = 2};
  MakeModel({});
  const auto request = NewSamples(NewStream(), prompt, 3);
  Set(*request, "prompt_logprobs", 1);
  const Written written = Write(request);
  EXPECT_EQ(written.tokens, expected.tokens);
  const auto rows = request->logprobs().Read(SKEIN_SAMPLE_PROMPT, 0, 200);
  ASSERT_TRUE(rows.ok()) << rows.status();
  for (size_t i = 1; i < 200; ++i) {
    EXPECT_EQ((*rows)[2 * i].token, prompt[i]);
    EXPECT_EQ((*rows)[2 * i + 1].token,
              FakeStepRunner::Next({prompt.begin(), prompt.begin() + static_cast<ptrdiff_t>(i)}));
  }
}

TEST_F(SampleTest, PendingTokenPredictsThePromptsFirst) {
  const auto stream = NewStream();
  const std::vector<uint32_t> written = Run(NewRequest(stream, {1, 2}, 1)).tokens;
  const auto request = NewRequest(stream, {8, 9}, 1);
  Set(*request, "prompt_logprobs", 1);
  Run(request);
  const auto rows = request->logprobs().Read(SKEIN_SAMPLE_PROMPT, 0, 2);
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ((*rows)[0].token, 8u);
  EXPECT_EQ((*rows)[1].token, FakeStepRunner::Next({1, 2, written[0]}));
  EXPECT_EQ((*rows)[3].token, FakeStepRunner::Next({1, 2, written[0], 8}));
}

TEST_F(SampleTest, LogitsOfThePromptThatAreNotFiniteEndTheRequest) {
  script_ = [](const std::vector<uint32_t>& history) {
    return history.size() == 2 ? FakeStepRunner::kNotFinite : uint32_t{5};
  };
  const auto request = NewSamples(NewStream(), {1, 2, 3}, 2);
  Set(*request, "prompt_logprobs", 0);
  EXPECT_EQ(Write(request).terminal.status, SKEIN_DATA_LOSS);
}

// The model's head is on a device that draws tokens.
class DeviceSampleTest : public SampleTest {
 protected:
  DeviceSampleTest() : SampleTest({.head_features = SKEIN_FEATURE_SAMPLE | SKEIN_FEATURE_MASK_AND_BIAS}) {
    hook_ = [this](FakeStep& step) {
      outputs_.emplace_back();
      for (const skein_step_entry& entry : step.entries) outputs_.back().push_back(entry.output);
      return absl::OkStatus();
    };
  }

  std::vector<std::vector<uint32_t>> outputs_;  // by step
};

TEST_F(DeviceSampleTest, DrawsAllButTheFirstTokens) {
  const auto request = NewSamples(NewStream(), {1, 2}, 3, 0, 3);
  const Written written = Write(request);
  EXPECT_EQ(written.ends.size(), 3u);
  const std::vector<uint32_t> drawn(3, SKEIN_STEP_SAMPLE);
  EXPECT_THAT(outputs_, ElementsAre(ElementsAre(SKEIN_STEP_LOGITS), drawn, drawn));
}

TEST_F(DeviceSampleTest, LogprobsThatTheDeviceDoesNotGiveAreTakenFromLogits) {
  const auto output = [this](int64_t logprobs, const std::function<void(Request&)>& change) {
    const auto request = NewSamples(NewStream(), {1, 2}, 1, 0, 1);
    Set(*request, "logprobs", logprobs);
    change(*request);
    Write(request);
    return outputs_.back()[0];
  };
  EXPECT_EQ(output(0, [](Request&) {}), uint32_t{SKEIN_STEP_SAMPLE});
  EXPECT_EQ(output(0, [](Request& r) { EXPECT_TRUE(r.SetLogitBias(3, 1.0f).ok()); }), uint32_t{SKEIN_STEP_LOGITS});
  Options penalty(SKEIN_OPTIONS_REQUEST);
  ASSERT_TRUE(penalty.SetReal("presence_penalty", 1).ok());
  EXPECT_EQ(output(0, [&](Request& r) { EXPECT_TRUE(r.SetOptions(penalty).ok()); }), uint32_t{SKEIN_STEP_LOGITS});
  EXPECT_EQ(output(2, [](Request&) {}), uint32_t{SKEIN_STEP_LOGITS}) << "those of other tokens";
}

}  // namespace
}  // namespace skein
