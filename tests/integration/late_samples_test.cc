// Requests with several samples, of which something fails or is taken away in the middle: devices, memory of a device,
// the request, its stream, its reader. The window holds the samples close to their reader.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/integration/late_devices.h"

namespace skein::test {
namespace {

constexpr uint32_t kNumSamples = 4;
constexpr uint32_t kMaxTokens = 16;

// The events of one request with samples.
struct Written {
  std::map<uint32_t, std::vector<uint32_t>> tokens;  // by sample
  std::map<uint32_t, skein_status> ended;            // samples that have, with their status
  int num_terminal = 0;
  uint32_t end = 0;
  skein_status status = SKEIN_OK;

  size_t num_tokens() const {
    size_t count = 0;
    for (const auto& [sample, list] : tokens) count += list.size();
    return count;
  }
};

class LateSamplesTest : public LateDevicesTest {
 protected:
  static constexpr int64_t kMaxStreams = 8;

  void SetUp() override {
    LateDevicesTest::SetUp();
    model_ = LoadModel(runtime_.get(), DataPath("v7-odd.safetensors"), "late:0", "q8", kMaxStreams);
  }

  OwnedRequest NewSamples(skein_stream stream, const std::vector<uint32_t>& stops = {}) const {
    OwnedRequest request = NewRequest(stream, {kGoodToken, 5, 9});
    const OwnedOptions options =
        MakeOptions(SKEIN_OPTIONS_REQUEST, {},
                    {{"max_tokens", kMaxTokens}, {"n", kNumSamples}, {"seed", 7}, {"window", kNumSamples}});
    skein_error error = {};
    EXPECT_TRUE(Ok(skein_request_set_options(request.get(), options.get(), &error), error));
    for (const uint32_t token : stops) {
      EXPECT_TRUE(Ok(skein_request_add_stop_token(request.get(), token, &error), error));
    }
    return request;
  }

  // Takes events, and acknowledges the tokens of `request`, until `is_enough` or the request ends.
  template <typename Enough>
  void TakeUntil(skein_request request, Written& written, const Enough& is_enough) const {
    while (written.num_terminal == 0 && !is_enough()) {
      uint32_t ready = 0;
      SKEIN_CALL(skein_queue_wait, queue_.get(), int64_t{20000}, &ready);
      ASSERT_EQ(ready, 1u) << "no event within 20 s";
      skein_event event = {};
      char text[4096];
      uint32_t count = 0;
      uint64_t text_bytes = 0;
      SKEIN_CALL(skein_queue_poll, queue_.get(), static_cast<void*>(&event), uint32_t{sizeof(event)}, 1u, text,
                 uint64_t{sizeof(text)}, &count, &text_bytes);
      if (event.kind == SKEIN_EVENT_TOKEN) {
        EXPECT_FALSE(written.ended.contains(event.sample)) << "a token of a sample that has ended";
        written.tokens[event.sample].push_back(event.token);
        SKEIN_CALL(skein_request_acknowledge, request, uint64_t{1});
      } else if (event.kind == SKEIN_EVENT_SAMPLE_DONE) {
        EXPECT_TRUE(written.ended.emplace(event.sample, event.status).second) << "a sample that ends twice";
      } else {
        ++written.num_terminal;
        written.end = event.kind;
        written.status = event.status;
      }
    }
  }
  void TakeTokens(skein_request request, Written& written, size_t num_tokens) const {
    TakeUntil(request, written, [&] { return written.num_tokens() >= num_tokens; });
  }
  void TakeAll(skein_request request, Written& written) const {
    TakeUntil(request, written, [] { return false; });
  }

  // What the samples say when nothing goes wrong.
  Written Undisturbed(const std::vector<uint32_t>& stops = {}) const {
    const OwnedStream stream = MakeStream(model_.get());
    const OwnedRequest request = NewSamples(stream.get(), stops);
    Submit({request.get()});
    Written written;
    TakeAll(request.get(), written);
    EXPECT_EQ(written.end, uint32_t{SKEIN_EVENT_DONE});
    return written;
  }

  // Of a sample that was cut off: its tokens are the beginning of what it says undisturbed.
  static void ExpectBeginnings(Written& written, Written& undisturbed) {
    for (const auto& [sample, tokens] : written.tokens) {
      const std::vector<uint32_t>& all = undisturbed.tokens[sample];
      ASSERT_LE(tokens.size(), all.size());
      EXPECT_TRUE(std::equal(tokens.begin(), tokens.end(), all.begin())) << "sample " << sample;
    }
  }

  // All streams of the model but these are free.
  void ExpectNoStreamLeft(int64_t num_held) const {
    std::vector<OwnedStream> streams;
    for (int64_t i = num_held; i < kMaxStreams; ++i) streams.push_back(MakeStream(model_.get()));
  }

  // The stream of a sample stands behind its tokens: it goes on as one that has read them.
  void ExpectGoesOn(skein_stream stream, const std::vector<uint32_t>& tokens) const {
    std::vector<uint32_t> all = {kGoodToken, 5, 9};
    all.insert(all.end(), tokens.begin(), tokens.end());
    all.push_back(11);
    const OwnedStream reader = MakeStream(model_.get());
    const uint32_t vocab_size = InfoOf(model_.get()).vocab_size;
    const std::vector<float> rows = AllLogits(model_.get(), reader.get(), all);
    EXPECT_EQ(AllLogits(model_.get(), stream, {11}), std::vector<float>(rows.end() - vocab_size, rows.end()));
  }

  OwnedModel model_;
};

// The backend runs out of memory for all steps from here or there on.
TEST_F(LateSamplesTest, AStepThatFailsEndsTheRequestWithOneErrorAndNoOther) {
  Written undisturbed = Undisturbed();
  ASSERT_EQ(undisturbed.num_tokens(), size_t{kNumSamples} * kMaxTokens);
  const OwnedStream neighbour = MakeStream(model_.get());
  const late::Order out_of_memory = {.mishap = late::Mishap::kStepFails, .code = SKEIN_RESOURCE_EXHAUSTED};
  for (size_t num_before = 0; num_before < 5; ++num_before) {
    const OwnedStream stream = MakeStream(model_.get());
    OwnedRequest request = NewSamples(stream.get());
    Written written;
    if (num_before == 0) late_.Obey(out_of_memory);
    Submit({request.get()});
    TakeTokens(request.get(), written, num_before * kNumSamples);
    late_.Obey(out_of_memory);
    TakeAll(request.get(), written);
    late_.Obey({});
    EXPECT_EQ(written.num_terminal, 1);
    EXPECT_EQ(written.end, uint32_t{SKEIN_EVENT_ERROR});
    EXPECT_EQ(written.status, SKEIN_RESOURCE_EXHAUSTED);
    EXPECT_GE(written.num_tokens(), num_before * kNumSamples);
    EXPECT_EQ(written.ended.size(), num_before == 0 ? 0 : kNumSamples);
    for (const auto& [sample, status] : written.ended) EXPECT_EQ(status, SKEIN_RESOURCE_EXHAUSTED) << sample;
    ExpectBeginnings(written, undisturbed);
    if (num_before > 0) {
      OwnedStream taken;
      SKEIN_CALL(skein_request_take_sample, request.get(), 2u, taken.out());
      ExpectGoesOn(taken.get(), written.tokens[2]);
    }
    request.Close();
    ExpectNoStreamLeft(2);
    // Others go on.
    const OwnedRequest other = NewRequest(neighbour.get(), {kGoodToken, 8}, 1);
    Submit({other.get()});
    EXPECT_EQ(DrainUntilEnded(queue_.get(), 1)[1].end, uint32_t{SKEIN_EVENT_DONE});
  }
  ExpectFencesInOrder();
}

TEST_F(LateSamplesTest, ASampleThatFailsAloneLeavesTheOthersAsTheyAre) {
  Written undisturbed = Undisturbed();
  // A token that one sample draws, before its last, and no other.
  uint32_t failing = 0, bad_token = 0;
  for (uint32_t sample = 0; sample < kNumSamples && bad_token == 0; ++sample) {
    for (size_t i = 0; i + 1 < kMaxTokens && bad_token == 0; ++i) {
      const uint32_t token = undisturbed.tokens[sample][i];
      size_t num_found = token == kGoodToken || token == 5 || token == 9 ? 2 : 0;
      for (const auto& [other, tokens] : undisturbed.tokens)
        num_found += std::count(tokens.begin(), tokens.end(), token);
      if (num_found == 1) failing = sample, bad_token = token;
    }
  }
  ASSERT_NE(bad_token, 0u);
  late_.Obey({.mishap = late::Mishap::kEntryFails, .code = SKEIN_RESOURCE_EXHAUSTED, .token = bad_token});
  const OwnedStream stream = MakeStream(model_.get());
  OwnedRequest request = NewSamples(stream.get());
  Submit({request.get()});
  Written written;
  TakeAll(request.get(), written);
  late_.Obey({});
  EXPECT_EQ(written.end, uint32_t{SKEIN_EVENT_DONE});
  for (uint32_t sample = 0; sample < kNumSamples; ++sample) {
    EXPECT_EQ(written.ended[sample], sample == failing ? SKEIN_RESOURCE_EXHAUSTED : SKEIN_OK) << sample;
    if (sample == failing) {
      EXPECT_EQ(written.tokens[sample].back(), bad_token);
    } else {
      EXPECT_EQ(written.tokens[sample], undisturbed.tokens[sample]) << sample;
    }
  }
  request.Close();
  ExpectNoStreamLeft(1);
}

TEST_F(LateSamplesTest, ACancelledRequestKeepsItsSamplesWhereTheyStand) {
  // A stop token that ends the samples at different lengths.
  const uint32_t stop = Undisturbed().tokens[1][2];
  Written undisturbed = Undisturbed({stop});
  const OwnedStream stream = MakeStream(model_.get());
  OwnedRequest request = NewSamples(stream.get(), {stop});
  Submit({request.get()});
  Written written;
  TakeUntil(request.get(), written, [&] { return written.ended.contains(1); });
  OwnedStream early;
  EXPECT_EQ(skein_request_take_sample(request.get(), 1, early.out(), nullptr), SKEIN_FAILED_PRECONDITION);
  SKEIN_CALL(skein_request_cancel, request.get());
  TakeAll(request.get(), written);
  EXPECT_EQ(written.num_terminal, 1);
  EXPECT_EQ(written.end, uint32_t{SKEIN_EVENT_CANCELLED});
  ExpectBeginnings(written, undisturbed);
  EXPECT_LT(written.ended.size(), size_t{kNumSamples}) << "all samples had ended before the cancel";
  ExpectGoesOn(stream.get(), written.tokens[0]);
  for (uint32_t sample = 1; sample < kNumSamples; ++sample) {
    OwnedStream taken;
    SKEIN_CALL(skein_request_take_sample, request.get(), sample, taken.out());
    ExpectGoesOn(taken.get(), written.tokens[sample]);
  }
  request.Close();
  ExpectNoStreamLeft(1);
}

TEST_F(LateSamplesTest, TheStreamOfARunningRequestCannotGoBackAndItsReleaseEndsAllSamples) {
  OwnedStream stream = MakeStream(model_.get());
  OwnedRequest request = NewSamples(stream.get());
  Submit({request.get()});
  Written written;
  TakeTokens(request.get(), written, kNumSamples);
  EXPECT_EQ(skein_stream_truncate(stream.get(), 1, nullptr, nullptr), SKEIN_FAILED_PRECONDITION);
  EXPECT_EQ(skein_stream_reset(stream.get(), nullptr), SKEIN_FAILED_PRECONDITION);
  OwnedStream branch;  // from the prompt, which all samples share
  SKEIN_CALL(skein_stream_fork_at, stream.get(), uint64_t{1}, branch.out(), static_cast<uint64_t*>(nullptr));
  branch.Close();
  stream.Close();
  TakeAll(request.get(), written);
  EXPECT_EQ(written.num_terminal, 1);
  EXPECT_EQ(written.end, uint32_t{SKEIN_EVENT_CANCELLED});
  EXPECT_LT(written.num_tokens(), size_t{kNumSamples} * kMaxTokens);
  request.Close();
  ExpectNoStreamLeft(0);
}

TEST_F(LateSamplesTest, AReaderThatNeverReadsHoldsUpItsOwnRequestAlone) {
  OwnedQueue unread;
  SKEIN_CALL(skein_queue_create, runtime_.get(), nullptr, unread.out());
  const OwnedStream stream = MakeStream(model_.get());
  OwnedRequest request = NewSamples(stream.get());
  const skein_request handle = request.get();
  SKEIN_CALL(skein_queue_submit, unread.get(), &handle, 1u);
  const OwnedStream neighbour = MakeStream(model_.get());
  for (int i = 0; i < 3; ++i) {
    const OwnedRequest other = NewRequest(neighbour.get(), {kGoodToken, 8}, 1);
    Submit({other.get()});
    EXPECT_EQ(DrainUntilEnded(queue_.get(), 1)[1].end, uint32_t{SKEIN_EVENT_DONE});
  }
  OwnedStream none;
  EXPECT_EQ(skein_request_take_sample(request.get(), 1, none.out(), nullptr), SKEIN_FAILED_PRECONDITION);
  unread.Close();
  request.Close();
  // The stream is free as soon as the engine has looked at the request.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  skein_status status = SKEIN_FAILED_PRECONDITION;
  while (status == SKEIN_FAILED_PRECONDITION && std::chrono::steady_clock::now() < end) {
    status = skein_stream_reset(stream.get(), nullptr);
  }
  EXPECT_EQ(status, SKEIN_OK);
  ExpectNoStreamLeft(2);
}

}  // namespace
}  // namespace skein::test
