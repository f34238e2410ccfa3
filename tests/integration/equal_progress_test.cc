// A hundred equal streams that do not fit a step, with evals among them: none gets ahead of another.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/host.h"

namespace skein::test {
namespace {

constexpr size_t kNumStreams = 100;
constexpr int64_t kNumTokens = 20;

class EqualProgressTest : public ::testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override {
    skein_error error = {};
    const OwnedOptions options =
        MakeOptions(SKEIN_OPTIONS_MODEL, {{"device", "cpu"}},
                    {{"max_batch_tokens", GetParam()}, {"max_batch_streams", 2 * kNumStreams}});
    ASSERT_TRUE(Ok(skein_model_load(runtime_.get(), SKEIN_DEMO_MODEL, options.get(), model_.out(), &error), error));
    SKEIN_CALL(skein_queue_create, runtime_.get(), nullptr, queue_.out());
    const OwnedOptions wish = MakeOptions(SKEIN_OPTIONS_REQUEST, {}, {{"max_tokens", kNumTokens}, {"stop_at_end", 0}});
    const skein_token token = 1;
    for (size_t i = 0; i < kNumStreams; ++i) {
      streams_.push_back(MakeStream(model_.get()));
      requests_.emplace_back();
      SKEIN_CALL(skein_request_create, streams_.back().get(), requests_.back().out());
      SKEIN_CALL(skein_request_set_options, requests_.back().get(), wish.get());
      SKEIN_CALL(skein_request_set_prompt_tokens, requests_.back().get(), &token, uint64_t{1});
      SKEIN_CALL(skein_request_set_user_data, requests_.back().get(), i);
      handles_.push_back(requests_.back().get());
    }
  }

  void EvalUntil(const std::atomic<bool>& is_done) const {
    const OwnedStream stream = MakeStream(model_.get());
    const std::vector<skein_token> tokens = {5, 6, 7, 8, 9};
    for (uint64_t i = 0; !is_done; ++i) {
      skein_eval_item item = {};
      item.stream = stream.get();
      item.tokens = tokens.data();
      item.num_tokens = 1 + i % tokens.size();
      skein_error error = {};
      ASSERT_TRUE(Ok(skein_eval(model_.get(), &item, sizeof(item), 1, &error), error));
    }
  }

  // Takes the next event.
  skein_event Next() const {
    uint32_t ready = 0;
    EXPECT_EQ(skein_queue_wait(queue_.get(), 20000, &ready, nullptr), SKEIN_OK);
    EXPECT_EQ(ready, 1u) << "no event within 20 s";
    skein_event event = {};
    std::string text(4096, '\0');
    uint32_t count = 0;
    uint64_t text_bytes = 0;
    EXPECT_EQ(skein_queue_poll(queue_.get(), &event, sizeof(event), 1, text.data(), text.size(), &count, &text_bytes,
                               nullptr),
              SKEIN_OK);
    return event;
  }

  const OwnedRuntime runtime_ = MakeRuntime();
  OwnedModel model_;
  OwnedQueue queue_;
  std::vector<OwnedStream> streams_;
  std::vector<OwnedRequest> requests_;
  std::vector<skein_request> handles_;
};

TEST_P(EqualProgressTest, NoStreamGetsAheadOfAnother) {
  SKEIN_CALL(skein_queue_submit, queue_.get(), handles_.data(), static_cast<uint32_t>(handles_.size()));
  std::atomic<bool> is_done = false;
  std::thread evals([&] { EvalUntil(is_done); });
  std::vector<int64_t> progress(kNumStreams);
  int64_t most = 0;
  for (size_t num_ended = 0; num_ended < kNumStreams && !HasFailure();) {
    const skein_event event = Next();
    if (event.kind != SKEIN_EVENT_TOKEN) {
      EXPECT_EQ(event.kind, SKEIN_EVENT_DONE);
      ++num_ended;
      continue;
    }
    ++progress.at(event.user_data);
    const auto [low, high] = std::minmax_element(progress.begin(), progress.end());
    most = std::max(most, *high - *low);
  }
  is_done = true;
  evals.join();
  // Behind a step it is one. The events of a step come in any order, so that one of the next round may be seen first.
  EXPECT_LE(most, 2);
}

INSTANTIATE_TEST_SUITE_P(Steps, EqualProgressTest, ::testing::Values(7, 32, 150),
                         [](const auto& test) { return std::to_string(test.param) + "_tokens"; });

}  // namespace
}  // namespace skein::test
