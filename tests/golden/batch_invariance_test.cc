// A stream's tokens do not depend on its neighbours: not on how many there are, nor on what they read.
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "tests/golden/oracle.h"
#include "tests/support/case_name.h"
#include "tests/support/host.h"

namespace skein::test {
namespace {

class BatchInvarianceTest : public ::testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  const Oracle& oracle_ = OracleOf(std::get<0>(GetParam()));
  const OwnedRuntime runtime_ = MakeRuntime();
  const OwnedModel model_ = LoadModel(runtime_.get(), oracle_.Path(), std::get<1>(GetParam()));
};

// Different lengths in one call, so that the batch is ragged.
TEST_P(BatchInvarianceTest, RaggedBatchGivesWhatSingleStreamsGive) {
  const std::vector<uint32_t> tokens = ReadTokens(oracle_.Beside("tokens.json"));
  const size_t vocab_size = InfoOf(model_.get()).vocab_size;
  std::vector<OwnedStream> streams;
  std::vector<std::vector<uint32_t>> texts;
  std::vector<std::vector<float>> logits;
  std::vector<skein_eval_item> items;
  for (size_t i = 0; i < 6; ++i) {
    streams.push_back(MakeStream(model_.get()));
    texts.emplace_back(tokens.begin() + static_cast<ptrdiff_t>(i), tokens.begin() + static_cast<ptrdiff_t>(2 * i + 5));
    logits.emplace_back(texts[i].size() * vocab_size);
  }
  for (size_t i = 0; i < streams.size(); ++i) {
    skein_eval_item item = {};
    item.stream = streams[i].get();
    item.tokens = texts[i].data();
    item.num_tokens = texts[i].size();
    item.output = logits[i].data();
    item.output_capacity = logits[i].size();
    item.output_kind = SKEIN_OUTPUT_ALL_LOGITS;
    items.push_back(item);
  }
  SKEIN_CALL(skein_eval, model_.get(), items.data(), sizeof(skein_eval_item), static_cast<uint32_t>(items.size()));
  for (size_t i = 0; i < streams.size(); ++i) {
    EXPECT_EQ(items[i].status, SKEIN_OK);
    const OwnedStream alone = MakeStream(model_.get());
    const std::vector<float> expected = AllLogits(model_.get(), alone.get(), texts[i]);
    for (size_t j = 0; j < expected.size(); ++j) ASSERT_NEAR(logits[i][j], expected[j], 1e-4f) << "stream " << i;
  }
}

TEST_P(BatchInvarianceTest, SampledTokensAreTheSameAloneAndInABatch) {
  const auto run = [this](size_t num_neighbours) {
    OwnedQueue queue;
    EXPECT_EQ(skein_queue_create(runtime_.get(), nullptr, queue.out(), nullptr), SKEIN_OK);
    std::vector<OwnedStream> streams;
    std::vector<OwnedRequest> requests;
    std::vector<skein_request> handles;
    const std::vector<uint32_t> prompt = {5, 9, 33};
    for (size_t i = 0; i <= num_neighbours; ++i) {
      streams.push_back(MakeStream(model_.get()));
      requests.emplace_back();
      EXPECT_EQ(skein_request_create(streams[i].get(), requests[i].out(), nullptr), SKEIN_OK);
      // The neighbours read other prompts, of other lengths, with other seeds.
      std::vector<uint32_t> tokens = prompt;
      if (i > 0) tokens.insert(tokens.end(), i, static_cast<uint32_t>(i));
      const OwnedOptions options = MakeOptions(
          SKEIN_OPTIONS_REQUEST, {}, {{"seed", 11 + static_cast<int64_t>(i)}, {"max_tokens", 24}}, {{"top_p", 0.95}});
      EXPECT_EQ(skein_request_set_options(requests[i].get(), options.get(), nullptr), SKEIN_OK);
      EXPECT_EQ(skein_request_set_prompt_tokens(requests[i].get(), tokens.data(), tokens.size(), nullptr), SKEIN_OK);
      EXPECT_EQ(skein_request_set_user_data(requests[i].get(), i, nullptr), SKEIN_OK);
      handles.push_back(requests[i].get());
    }
    EXPECT_EQ(skein_queue_submit(queue.get(), handles.data(), static_cast<uint32_t>(handles.size()), nullptr),
              SKEIN_OK);
    std::vector<uint32_t> sampled;
    for (size_t ended = 0; ended < handles.size();) {
      skein_event events[16];
      char text[4096];
      uint32_t count = 0;
      uint32_t ready = 0;
      uint64_t text_bytes = 0;
      EXPECT_EQ(skein_queue_wait(queue.get(), 20000, &ready, nullptr), SKEIN_OK);
      if (ready == 0) {
        ADD_FAILURE() << "no event within 20 s";
        return sampled;
      }
      EXPECT_EQ(skein_queue_poll(queue.get(), events, sizeof(skein_event), 16, text, sizeof(text), &count, &text_bytes,
                                 nullptr),
                SKEIN_OK);
      for (uint32_t i = 0; i < count; ++i) {
        if (events[i].kind != SKEIN_EVENT_TOKEN) ++ended;
        if (events[i].kind == SKEIN_EVENT_TOKEN && events[i].user_data == 0) sampled.push_back(events[i].token);
      }
    }
    return sampled;
  };
  const std::vector<uint32_t> alone = run(0);
  EXPECT_EQ(alone.size(), 24u);
  EXPECT_EQ(run(1), alone);
  EXPECT_EQ(run(7), alone);
}

INSTANTIATE_TEST_SUITE_P(
    AllGenerations, BatchInvarianceTest,
    ::testing::Combine(::testing::Values("v4-odd", "v5.0-n8", "v5.1-n16", "v5.2-mixed", "v6-odd", "v7-odd"),
                       ::testing::Values("reference", "cpu")),
    [](const auto& parameter) { return CaseName(std::get<0>(parameter.param) + "_" + std::get<1>(parameter.param)); });

}  // namespace
}  // namespace skein::test
