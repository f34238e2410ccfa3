// Memory that runs out in the life of a request, on the host's thread and on the engine's: every allocation fails once,
// alone and with those behind it. The host lives, a call that fails works the next time, and a request either delivers
// what it always delivers or ends with one error.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "tests/support/failing_allocator.h"
#include "tests/support/host.h"

namespace skein::test {
namespace {

constexpr uint32_t kMaxTokens = 5;
constexpr uint64_t kNeighbour = 2;  // the user data of a request beside one with samples
constexpr const char* kPrompts[2] = {"In the beginning", "And"};

// The tokens that one request delivered. They are counted without allocating: events are taken while memory is short.
struct Outcome {
  uint32_t tokens[kMaxTokens] = {};
  uint32_t num_tokens = 0;
  uint32_t num_terminal = 0;
  uint32_t end = 0;
  skein_status status = SKEIN_OK;
};

// Repeats a call for as long as it says that memory ran out. A fault ends, so the call comes through.
template <typename Call>
skein_status Insist(const Call& call) {
  skein_status status = SKEIN_RESOURCE_EXHAUSTED;
  for (int i = 0; i < 1000 && status == SKEIN_RESOURCE_EXHAUSTED; ++i) status = call();
  return status;
}

struct Setup {
  const char* device;
  uint64_t length;  // how many allocations fail in a row
};

class RequestMemoryTest : public ::testing::TestWithParam<Setup> {
 protected:
  void SetUp() override {
    SKEIN_CALL(skein_queue_create, runtime_.get(), nullptr, queue_.out());
    for (OwnedStream& stream : streams_) stream = MakeStream(model_.get());
    RunBoth();
    for (int i = 0; i < 2; ++i) {
      known_[i] = outcomes_[i];
      ASSERT_EQ(known_[i].end, uint32_t{SKEIN_EVENT_DONE});
      ASSERT_EQ(known_[i].num_tokens, kMaxTokens);
    }
    CheckStreamsAreFree();
  }

  // Notes a call that neither worked nor said that memory ran out.
  void Expect(const char* call, skein_status status) {
    if (status == SKEIN_OK || bad_call_ != nullptr) return;
    bad_call_ = call;
    bad_status_ = status;
  }
#define SKEIN_INSIST(function, ...) Expect(#function, Insist([&] { return function(__VA_ARGS__, nullptr); }))

  // A request that uses what samples, stops and decodes.
  skein_request NewRequest(skein_stream stream, uint64_t index) {
    skein_request request = nullptr;
    SKEIN_INSIST(skein_request_create, stream, &request);
    SKEIN_INSIST(skein_request_set_prompt, request, kPrompts[index], std::strlen(kPrompts[index]));
    SKEIN_INSIST(skein_request_set_options, request, options_.get());
    SKEIN_INSIST(skein_request_add_stop, request, "no such text", 12);
    SKEIN_INSIST(skein_request_add_stop_token, request, 1);
    SKEIN_INSIST(skein_request_set_logit_bias, request, 65, 0.5f);
    SKEIN_INSIST(skein_request_set_user_data, request, index);
    return request;
  }

  void Note(const skein_event& event) {
    Outcome& outcome = outcomes_[event.user_data + event.sample];
    if (event.kind == SKEIN_EVENT_SAMPLE_DONE) {
      ++num_samples_done_;
    } else if (event.kind != SKEIN_EVENT_TOKEN) {
      ++outcome.num_terminal;
      outcome.end = event.kind;
      outcome.status = event.status;
    } else if (outcome.num_tokens < kMaxTokens && outcome.num_terminal == 0) {
      outcome.tokens[outcome.num_tokens++] = event.token;
    } else {
      Expect("a token too many", SKEIN_INTERNAL);
    }
  }

  void DrainUntilEnded(uint32_t count) {
    while (outcomes_[0].num_terminal + outcomes_[1].num_terminal + outcomes_[kNeighbour].num_terminal < count) {
      uint32_t ready = 0;
      SKEIN_INSIST(skein_queue_wait, queue_.get(), 20000, &ready);
      if (ready == 0) Expect("no event came", SKEIN_DEADLINE_EXCEEDED);
      if (bad_call_ != nullptr) return;
      skein_event events[4];
      char text[4096];
      uint32_t num_events = 0;
      uint64_t text_bytes = 0;
      SKEIN_INSIST(skein_queue_poll, queue_.get(), events, sizeof(events[0]), 4, text, sizeof(text), &num_events,
                   &text_bytes);
      for (uint32_t i = 0; i < num_events; ++i) Note(events[i]);
    }
  }

  // Both requests, submitted together and drained.
  void RunBoth() {
    for (Outcome& outcome : outcomes_) outcome = Outcome();
    skein_request requests[2];
    for (uint64_t i = 0; i < 2; ++i) requests[i] = NewRequest(streams_[i].get(), i);
    SKEIN_INSIST(skein_queue_submit, queue_.get(), requests, 2);
    if (bad_call_ == nullptr) DrainUntilEnded(2);
    for (const skein_request request : requests) Expect("release", skein_request_release(request, nullptr));
  }

  // Either what is known, or its beginning and one error.
  void CheckOutcomes(uint64_t index) {
    ASSERT_EQ(bad_call_, nullptr) << bad_call_ << ": " << skein_status_name(bad_status_) << " at allocation " << index;
    int num_errors = 0;
    for (int i = 0; i < 2; ++i) {
      const Outcome& outcome = outcomes_[i];
      EXPECT_EQ(outcome.num_terminal, 1u);
      EXPECT_EQ(std::memcmp(outcome.tokens, known_[i].tokens, outcome.num_tokens * sizeof(uint32_t)), 0);
      if (outcome.end == SKEIN_EVENT_DONE) {
        EXPECT_EQ(outcome.num_tokens, kMaxTokens);
      } else {
        ++num_errors;
        EXPECT_EQ(outcome.end, uint32_t{SKEIN_EVENT_ERROR});
        EXPECT_EQ(outcome.status, SKEIN_RESOURCE_EXHAUSTED);
      }
    }
    if (GetParam().length == 1) {
      EXPECT_LE(num_errors, 1) << "allocation " << index;
    }
    num_errors_ += num_errors;
  }

  void CheckStreamsAreFree() {
    for (const OwnedStream& stream : streams_) {
      AllLogits(model_.get(), stream.get(), {65});
      SKEIN_CALL(skein_stream_reset, stream.get());
    }
  }

  void WalkRequests(AllocatingThreads threads) {
    const uint64_t num_points = WalkAllocations(
        threads, [this] { RunBoth(); },
        [this](uint64_t index, bool /*failed*/) {
          if (HasFatalFailure()) return;
          CheckOutcomes(index);
          CheckStreamsAreFree();
        },
        GetParam().length);
    RecordProperty("points", std::to_string(num_points));
    RecordProperty("errors", std::to_string(num_errors_));
  }

  const OwnedRuntime runtime_ = MakeRuntime();
  const OwnedModel model_ = LoadModel(runtime_.get(), SKEIN_DEMO_MODEL, GetParam().device);
  const OwnedOptions options_ = MakeOptions(SKEIN_OPTIONS_REQUEST, {}, {{"max_tokens", kMaxTokens}, {"seed", 5}},
                                            {{"top_p", 0.9}, {"presence_penalty", 0.3}, {"frequency_penalty", 0.2}});
  OwnedQueue queue_;
  OwnedStream streams_[2];
  Outcome known_[2];
  Outcome outcomes_[3];
  int num_errors_ = 0;
  int num_samples_done_ = 0;
  const char* bad_call_ = nullptr;
  skein_status bad_status_ = SKEIN_OK;
};

TEST_P(RequestMemoryTest, OnTheEnginesThread) { WalkRequests(AllocatingThreads::kOthers); }

TEST_P(RequestMemoryTest, OnTheHostsThread) { WalkRequests(AllocatingThreads::kThis); }

TEST_P(RequestMemoryTest, OfStreamsAndTheirStates) {
  std::vector<uint8_t> snapshots[2] = {std::vector<uint8_t>(1 << 20), std::vector<uint8_t>(1 << 20)};
  std::vector<float> logits[2];
  for (std::vector<float>& row : logits) row.resize(InfoOf(model_.get()).vocab_size);
  const uint32_t tokens[] = {72, 105};
  uint64_t num_bytes[2] = {};
  const auto live = [&](int turn) {
    skein_stream stream = nullptr;
    skein_stream fork = nullptr;
    SKEIN_INSIST(skein_stream_create, model_.get(), nullptr, &stream);
    skein_eval_item item = {};
    item.stream = stream;
    item.tokens = tokens;
    item.num_tokens = 2;
    item.output = logits[turn].data();
    item.output_capacity = logits[turn].size();
    item.output_kind = SKEIN_OUTPUT_LAST_LOGITS;
    SKEIN_INSIST(skein_eval, model_.get(), &item, sizeof(item), 1);
    Expect("item", item.status);
    SKEIN_INSIST(skein_stream_fork, stream, &fork);
    SKEIN_INSIST(skein_stream_reset, stream);
    SKEIN_INSIST(skein_stream_snapshot, fork, snapshots[turn].data(), snapshots[turn].size(), &num_bytes[turn]);
    SKEIN_INSIST(skein_stream_restore, stream, snapshots[turn].data(), num_bytes[turn]);
    uint64_t position = 0;
    SKEIN_INSIST(skein_stream_position, stream, &position);
    if (position != 2) Expect("position", SKEIN_INTERNAL);
    skein_stream branch = nullptr;
    uint64_t replayed = 0;
    SKEIN_INSIST(skein_stream_set_checkpoint, fork, "a");
    SKEIN_INSIST(skein_stream_fork_at, fork, 1, &branch, &replayed);
    SKEIN_INSIST(skein_stream_truncate, fork, 1, &replayed);
    SKEIN_INSIST(skein_stream_position, fork, &position);
    if (position != 1 || replayed != 1) Expect("truncate", SKEIN_INTERNAL);
    Expect("release", skein_stream_release(branch, nullptr));
    Expect("release", skein_stream_release(fork, nullptr));
    Expect("release", skein_stream_release(stream, nullptr));
  };
  live(0);
  const auto check = [&](uint64_t index, bool /*failed*/) {
    if (HasFatalFailure()) return;
    ASSERT_EQ(bad_call_, nullptr) << bad_call_ << ": " << skein_status_name(bad_status_) << " at allocation " << index;
    EXPECT_EQ(logits[0], logits[1]);
    EXPECT_EQ(num_bytes[0], num_bytes[1]);
    EXPECT_EQ(std::memcmp(snapshots[0].data(), snapshots[1].data(), num_bytes[0]), 0);
  };
  WalkAllocations(
      AllocatingThreads::kAll, [&] { live(1); }, check, GetParam().length);
  // No stream was left behind: all eight of the model but the test's own two are free.
  std::vector<OwnedStream> streams;
  for (int i = 2; i < 8; ++i) streams.push_back(MakeStream(model_.get()));
}

TEST_P(RequestMemoryTest, OfARequestThatIsCancelled) {
  const auto live = [&] {
    for (Outcome& outcome : outcomes_) outcome = Outcome();
    const skein_request request = NewRequest(streams_[0].get(), 0);
    SKEIN_INSIST(skein_queue_submit, queue_.get(), &request, 1);
    SKEIN_INSIST(skein_request_cancel, request);
    if (bad_call_ == nullptr) DrainUntilEnded(1);
    Expect("release", skein_request_release(request, nullptr));
  };
  const auto check = [&](uint64_t index, bool /*failed*/) {
    if (HasFatalFailure()) return;
    ASSERT_EQ(bad_call_, nullptr) << bad_call_ << ": " << skein_status_name(bad_status_) << " at allocation " << index;
    EXPECT_EQ(outcomes_[0].num_terminal, 1u);
    if (outcomes_[0].end == SKEIN_EVENT_ERROR) {
      EXPECT_EQ(outcomes_[0].status, SKEIN_RESOURCE_EXHAUSTED);
    }
    CheckStreamsAreFree();
  };
  WalkAllocations(AllocatingThreads::kAll, live, check, GetParam().length);
}

// Two samples of one prompt, and another request beside them. A sample may fail alone; then the other one is what it
// always is. Where one allocation fails, it costs one of the two requests its end at most.
TEST_P(RequestMemoryTest, OfARequestWithSamples) {
  const OwnedOptions two = MakeOptions(SKEIN_OPTIONS_REQUEST, {}, {{"n", 2}, {"logprobs", 2}});
  const auto live = [&] {
    for (Outcome& outcome : outcomes_) outcome = Outcome();
    num_samples_done_ = 0;
    const skein_request request = NewRequest(streams_[0].get(), 0);
    SKEIN_INSIST(skein_request_set_options, request, two.get());
    const skein_request neighbour = NewRequest(streams_[1].get(), 1);
    SKEIN_INSIST(skein_request_set_user_data, neighbour, kNeighbour);
    const skein_request both[] = {request, neighbour};
    SKEIN_INSIST(skein_queue_submit, queue_.get(), both, 2);
    if (bad_call_ == nullptr) DrainUntilEnded(2);
    skein_stream taken = nullptr;
    if (outcomes_[1].num_tokens > 0) SKEIN_INSIST(skein_request_take_sample, request, 1, &taken);
    Expect("release", skein_stream_release(taken, nullptr));
    for (const skein_request each : both) Expect("release", skein_request_release(each, nullptr));
  };
  live();
  const Outcome known[2] = {outcomes_[0], outcomes_[1]};
  ASSERT_EQ(known[1].num_tokens, kMaxTokens);
  CheckStreamsAreFree();
  const auto check = [&](uint64_t index, bool /*failed*/) {
    if (HasFatalFailure()) return;
    ASSERT_EQ(bad_call_, nullptr) << bad_call_ << ": " << skein_status_name(bad_status_) << " at allocation " << index;
    EXPECT_EQ(outcomes_[0].num_terminal + outcomes_[1].num_terminal, 1u);
    const bool has_failed = outcomes_[0].end == SKEIN_EVENT_ERROR;
    EXPECT_TRUE(has_failed || num_samples_done_ == 2) << "allocation " << index;
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(std::memcmp(outcomes_[i].tokens, known[i].tokens, outcomes_[i].num_tokens * sizeof(uint32_t)), 0);
    }
    if (GetParam().length == 1 && !has_failed) {
      EXPECT_GE(outcomes_[0].num_tokens + outcomes_[1].num_tokens, kMaxTokens) << "allocation " << index;
    }
    const Outcome& neighbour = outcomes_[kNeighbour];
    EXPECT_EQ(neighbour.num_terminal, 1u);
    EXPECT_EQ(std::memcmp(neighbour.tokens, known_[1].tokens, neighbour.num_tokens * sizeof(uint32_t)), 0);
    if (GetParam().length == 1) {
      EXPECT_FALSE(has_failed && neighbour.end == SKEIN_EVENT_ERROR) << "allocation " << index;
    }
    CheckStreamsAreFree();
  };
  WalkAllocations(AllocatingThreads::kAll, live, check, GetParam().length);
  // No sample was left behind.
  std::vector<OwnedStream> streams;
  for (int i = 2; i < 8; ++i) streams.push_back(MakeStream(model_.get()));
}

// Whatever the call says of memory, an item's status says whether its stream has moved on.
TEST_P(RequestMemoryTest, OfAnEvalWithABadItem) {
  const uint32_t token = 65;
  const uint32_t bad_token = UINT32_MAX;
  skein_eval_item items[2] = {};
  const auto live = [&] {
    for (skein_eval_item& item : items) item = {};
    items[0].stream = streams_[0].get();
    items[0].tokens = &bad_token;
    items[0].num_tokens = 1;
    items[1].stream = streams_[1].get();
    items[1].tokens = &token;
    items[1].num_tokens = 1;
    skein_eval(model_.get(), items, sizeof(items[0]), 2, nullptr);
  };
  const auto check = [&](uint64_t index, bool /*failed*/) {
    uint64_t position = 0;
    SKEIN_CALL(skein_stream_position, streams_[1].get(), &position);
    EXPECT_EQ(items[1].status, position == 1 ? SKEIN_OK : SKEIN_RESOURCE_EXHAUSTED) << "allocation " << index;
    EXPECT_NE(items[0].status, SKEIN_OK) << "allocation " << index;
    CheckStreamsAreFree();
  };
  WalkAllocations(AllocatingThreads::kAll, live, check, GetParam().length);
}

// The second stream is busy, or memory runs out: the first has no tie to the queue that refused it.
TEST_P(RequestMemoryTest, OfASubmitThatIsRefused) {
  const skein_request requests[2] = {NewRequest(streams_[0].get(), 0), NewRequest(streams_[1].get(), 1)};
  OwnedQueue other;
  SKEIN_CALL(skein_queue_create, runtime_.get(), nullptr, other.out());
  skein_status status = SKEIN_OK;
  const auto check = [&](uint64_t index, bool failed) {
    if (!failed) return;
    EXPECT_EQ(status, SKEIN_RESOURCE_EXHAUSTED) << "allocation " << index;
    CheckStreamsAreFree();
  };
  WalkAllocations(
      AllocatingThreads::kThis, [&] { status = skein_queue_submit(other.get(), requests, 2, nullptr); }, check,
      AllocationFault::kForever);
  EXPECT_EQ(status, SKEIN_OK);
  other.Close();
  for (const skein_request request : requests) EXPECT_EQ(skein_request_release(request, nullptr), SKEIN_OK);
}

std::string SetupName(const ::testing::TestParamInfo<Setup>& info) {
  return std::string(info.param.device) + (info.param.length == 1 ? "One" : "Several");
}
INSTANTIATE_TEST_SUITE_P(Failing, RequestMemoryTest,
                         ::testing::Values(Setup{"reference", 1}, Setup{"reference", 20}, Setup{"cpu", 1},
                                           Setup{"cpu", 20}),
                         SetupName);

}  // namespace
}  // namespace skein::test
