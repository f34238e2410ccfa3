// Scores, embeddings and the log-probabilities of requests, against the logits and hidden rows of evals in float64.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/case_name.h"
#include "tests/support/drain.h"
#include "tests/support/host.h"

namespace skein::test {
namespace {

using ::testing::HasSubstr;

struct ScoreCase {
  std::string model;  // of tests/data, or below the shared data
  std::string device;
  bool is_shared = false;

  friend void PrintTo(const ScoreCase& setup, std::ostream* out) { *out << setup.model << " on " << setup.device; }
};

class ScoreTest : public ::testing::TestWithParam<ScoreCase> {
 protected:
  void SetUp() override {
    const ScoreCase& setup = GetParam();
    if (setup.is_shared && SharedPath("").empty()) {
      GTEST_SKIP() << "SKEIN_TEST_DATA is not set: the shared models are not here";
    }
    model_ = LoadModel(runtime_.get(), setup.is_shared ? SharedPath(setup.model) : DataPath(setup.model), setup.device);
    ASSERT_NE(model_.get(), nullptr);
    vocab_size_ = InfoOf(model_.get()).vocab_size;
  }

  // Tokens that the model knows, and that do not repeat soon.
  std::vector<uint32_t> Tokens(size_t count, uint32_t first) const {
    std::vector<uint32_t> tokens(count);
    for (size_t i = 0; i < count; ++i) tokens[i] = static_cast<uint32_t>(first + 7 * i + i * i) % vocab_size_;
    return tokens;
  }

  // By a row of logits, in float64.
  double Logprob(const float* row, uint32_t token) const {
    const double largest = *std::max_element(row, row + vocab_size_);
    double sum = 0;
    for (uint32_t i = 0; i < vocab_size_; ++i) sum += std::exp(row[i] - largest);
    return row[token] - largest - std::log(sum);
  }

  std::vector<float> Hidden(skein_stream stream, const std::vector<uint32_t>& tokens) {
    std::vector<float> rows(tokens.size() * InfoOf(model_.get()).d_model);
    skein_eval_item item = {};
    item.stream = stream;
    item.tokens = tokens.data();
    item.num_tokens = tokens.size();
    item.output = rows.data();
    item.output_capacity = rows.size();
    item.output_kind = SKEIN_OUTPUT_ALL_HIDDEN;
    skein_error error = {};
    EXPECT_TRUE(Ok(skein_eval(model_.get(), &item, sizeof(item), 1, &error), error));
    return rows;
  }

  const OwnedRuntime runtime_ = MakeRuntime();
  OwnedModel model_;
  uint32_t vocab_size_ = 0;
};

TEST_P(ScoreTest, ScoresAreTheSoftmaxOfTheLogits) {
  const std::vector<uint32_t> prompt = Tokens(40, 3);
  const OwnedStream stream = MakeStream(model_.get());
  AllLogits(model_.get(), stream.get(), prompt);
  constexpr size_t kNumItems = 12;
  constexpr uint32_t kNumTop = 3;
  std::vector<std::vector<uint32_t>> tokens;
  std::vector<std::vector<float>> logprobs;
  std::vector<std::vector<skein_logprob>> tops;
  for (uint32_t i = 0; i < kNumItems; ++i) {
    tokens.push_back(Tokens(2 + i * 5, 11 + i));
    logprobs.emplace_back(tokens[i].size());
    tops.emplace_back(tokens[i].size() * kNumTop);
  }
  std::vector<skein_score_item> items(kNumItems);
  for (uint32_t i = 0; i < kNumItems; ++i) {
    items[i].stream = stream.get();
    items[i].tokens = tokens[i].data();
    items[i].num_tokens = tokens[i].size();
    items[i].logprobs = logprobs[i].data();
    items[i].top = tops[i].data();
    items[i].num_top = kNumTop;
  }
  SKEIN_CALL(skein_score, model_.get(), static_cast<void*>(items.data()), uint32_t{sizeof(items[0])},
             uint32_t{kNumItems});
  for (uint32_t i = 0; i < kNumItems; ++i) {
    OwnedStream fork;
    SKEIN_CALL(skein_stream_fork, stream.get(), fork.out());
    const std::vector<float> rows = AllLogits(model_.get(), fork.get(), tokens[i]);
    EXPECT_TRUE(std::isnan(logprobs[i][0]));
    double sum = 0;
    for (size_t t = 1; t < tokens[i].size(); ++t) {
      const float* row = rows.data() + (t - 1) * vocab_size_;
      EXPECT_NEAR(logprobs[i][t], Logprob(row, tokens[i][t]), 2e-4) << "item " << i << ", token " << t;
      sum += logprobs[i][t];
      const skein_logprob* top = &tops[i][t * kNumTop];
      EXPECT_NEAR(top[0].logprob, Logprob(row, top[0].token), 2e-4);
      EXPECT_NEAR(row[top[0].token], *std::max_element(row, row + vocab_size_), 2e-4);
      EXPECT_GE(top[0].logprob, top[1].logprob);
      EXPECT_GE(top[1].logprob, top[2].logprob);
    }
    EXPECT_NEAR(items[i].logprob, sum, 1e-4 * static_cast<double>(tokens[i].size()));
    EXPECT_EQ(items[i].num_scored, tokens[i].size() - 1);
    EXPECT_EQ(items[i].status, SKEIN_OK);
  }
  uint64_t position = 0;
  SKEIN_CALL(skein_stream_position, stream.get(), &position);
  EXPECT_EQ(position, prompt.size());
}

TEST_P(ScoreTest, EmbeddingsAreHiddenRows) {
  const std::vector<uint32_t> tokens = Tokens(50, 5);
  const uint32_t d_model = InfoOf(model_.get()).d_model;
  const OwnedStream stream = MakeStream(model_.get());
  const std::vector<float> rows = Hidden(stream.get(), tokens);
  std::vector<std::vector<float>> embeddings(4, std::vector<float>(d_model));
  std::vector<skein_embed_item> items(4);
  for (uint32_t i = 0; i < 4; ++i) {
    items[i].tokens = tokens.data();
    items[i].num_tokens = tokens.size();
    items[i].embedding = embeddings[i].data();
    items[i].capacity = d_model;
    items[i].pooling = i % 2 == 0 ? SKEIN_POOLING_LAST : SKEIN_POOLING_MEAN;
    items[i].normalise = i / 2;
  }
  SKEIN_CALL(skein_embed, model_.get(), static_cast<void*>(items.data()), uint32_t{sizeof(items[0])}, uint32_t{4});
  std::vector<double> mean(d_model);
  for (size_t i = 0; i < rows.size(); ++i) mean[i % d_model] += rows[i] / static_cast<double>(tokens.size());
  const double length = std::sqrt(std::inner_product(mean.begin(), mean.end(), mean.begin(), 0.0));
  const float* last = rows.data() + (tokens.size() - 1) * d_model;
  const double last_length = std::sqrt(std::inner_product(last, last + d_model, last, 0.0));
  for (uint32_t i = 0; i < d_model; ++i) {
    EXPECT_NEAR(embeddings[0][i], last[i], 2e-4);
    EXPECT_NEAR(embeddings[1][i], mean[i], 2e-4);
    EXPECT_NEAR(embeddings[2][i], last[i] / last_length, 2e-4);
    EXPECT_NEAR(embeddings[3][i], mean[i] / length, 2e-4);
  }
  EXPECT_EQ(items[0].num_read, tokens.size());
}

// A greedy request: its tokens, their log-probabilities and those of its prompt are what a score gives.
TEST_P(ScoreTest, RequestsGiveWhatScoresGive) {
  std::vector<uint32_t> text = Tokens(30, 9);
  const OwnedStream stream = MakeStream(model_.get());
  OwnedQueue queue;
  SKEIN_CALL(skein_queue_create, runtime_.get(), nullptr, queue.out());
  OwnedRequest request;
  SKEIN_CALL(skein_request_create, stream.get(), request.out());
  SKEIN_CALL(skein_request_set_prompt_tokens, request.get(), text.data(), uint64_t{text.size()});
  const OwnedOptions options = MakeOptions(
      SKEIN_OPTIONS_REQUEST, {}, {{"max_tokens", 8}, {"stop_at_end", 0}, {"logprobs", 1}, {"prompt_logprobs", 2}},
      {{"temperature", 0}});
  SKEIN_CALL(skein_request_set_options, request.get(), options.get());
  const skein_request handle = request.get();
  SKEIN_CALL(skein_queue_submit, queue.get(), &handle, 1);
  const std::vector<uint32_t> written = DrainUntilEnded(queue.get(), 1)[0].tokens;
  ASSERT_EQ(written.size(), 8u);
  const size_t num_prompt = text.size();
  text.insert(text.end(), written.begin(), written.end());

  const OwnedStream fresh = MakeStream(model_.get());
  std::vector<float> expected(text.size());
  skein_score_item item = {};
  item.stream = fresh.get();
  item.tokens = text.data();
  item.num_tokens = text.size();
  item.logprobs = expected.data();
  SKEIN_CALL(skein_score, model_.get(), static_cast<void*>(&item), uint32_t{sizeof(item)}, uint32_t{1});

  std::vector<skein_logprob> of_prompt(num_prompt * 3);
  std::vector<skein_logprob> of_tokens(8 * 2);
  uint64_t count = 0;
  SKEIN_CALL(skein_request_logprobs, handle, SKEIN_SAMPLE_PROMPT, uint64_t{0}, uint64_t{num_prompt}, of_prompt.data(),
             uint64_t{of_prompt.size()}, &count);
  EXPECT_EQ(count, of_prompt.size());
  SKEIN_CALL(skein_request_logprobs, handle, 0u, uint64_t{0}, uint64_t{8}, of_tokens.data(), uint64_t{of_tokens.size()},
             &count);
  EXPECT_TRUE(std::isnan(of_prompt[0].logprob));
  for (size_t i = 1; i < num_prompt; ++i) {
    EXPECT_EQ(of_prompt[3 * i].token, text[i]);
    EXPECT_NEAR(of_prompt[3 * i].logprob, expected[i], 2e-4);
  }
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(of_tokens[2 * i].token, written[i]);
    EXPECT_EQ(of_tokens[2 * i + 1].token, written[i]) << "greedy";
    EXPECT_NEAR(of_tokens[2 * i].logprob, expected[num_prompt + i], 2e-4);
  }
}

std::string NameOf(const ::testing::TestParamInfo<ScoreCase>& info) {
  return CaseName(info.param.model.substr(info.param.model.rfind('/') + 1) + "_" + info.param.device);
}

std::vector<ScoreCase> ScoreCases() {
  std::vector<ScoreCase> setups;
  for (const char* device : {"reference", "cpu"}) {
    for (const char* model : {"v4-odd.safetensors", "v5.2-h1.safetensors", "v6-n32.pth", "v7-n16.pth"}) {
      setups.push_back({model, device});
    }
    setups.push_back({"tiny-rwkv/tiny-rwkv-7v0-834K-FP32.bin", device, true});
    setups.push_back({"reverse-rwkv7/reverse-rwkv7-standard.pth", device, true});
  }
  return setups;
}

INSTANTIATE_TEST_SUITE_P(Models, ScoreTest, ::testing::ValuesIn(ScoreCases()), NameOf);

class ScoreCallsTest : public ::testing::Test {
 protected:
  const OwnedRuntime runtime_ = MakeRuntime();
  const OwnedModel model_ = LoadModel(runtime_.get(), SKEIN_DEMO_MODEL, "");
};

// The vocabulary of the made-up model is so large that the logits of the text would not fit what a job may hold.
TEST_F(ScoreCallsTest, LongTextIsScoredInPartsOfAStep) {
  const OwnedModel large = LoadModel(runtime_.get(), "synthetic:C=64,L=1,F=64,N=64,V=65536", "reference", "auto", 4);
  const OwnedStream stream = MakeStream(large.get());
  std::vector<uint32_t> tokens(100);
  std::iota(tokens.begin(), tokens.end(), 1000u);
  std::vector<float> logprobs(100);
  skein_score_item item = {};
  item.stream = stream.get();
  item.tokens = tokens.data();
  item.num_tokens = tokens.size();
  item.logprobs = logprobs.data();
  SKEIN_CALL(skein_score, large.get(), static_cast<void*>(&item), uint32_t{sizeof(item)}, uint32_t{1});
  EXPECT_EQ(item.num_scored, 99u);
  EXPECT_TRUE(std::all_of(logprobs.begin() + 1, logprobs.end(), [](float value) { return value < -5 && value > -20; }));
  uint64_t size = 0;
  SKEIN_CALL(skein_runtime_metrics, runtime_.get(), nullptr, uint64_t{0}, &size);
  std::string metrics(size, '\0');
  SKEIN_CALL(skein_runtime_metrics, runtime_.get(), metrics.data(), size, &size);
  EXPECT_THAT(metrics, HasSubstr("skein_steps_total 4\n")) << "32, 32, 32 and 3 rows";
}

TEST_F(ScoreCallsTest, ScoresRunBesideARequest) {
  const OwnedStream stream = MakeStream(model_.get());
  OwnedQueue queue;
  SKEIN_CALL(skein_queue_create, runtime_.get(), nullptr, queue.out());
  OwnedRequest request;
  SKEIN_CALL(skein_request_create, stream.get(), request.out());
  SKEIN_CALL(skein_request_set_prompt, request.get(), "And", uint64_t{3});
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_REQUEST, {}, {{"max_tokens", 200}, {"stop_at_end", 0}});
  SKEIN_CALL(skein_request_set_options, request.get(), options.get());
  const skein_request handle = request.get();
  SKEIN_CALL(skein_queue_submit, queue.get(), &handle, 1);
  const std::vector<uint32_t> tokens(100, 'e');
  for (int turn = 0; turn < 5; ++turn) {
    std::vector<skein_score_item> items(20);
    for (skein_score_item& item : items) {
      item.stream = stream.get();
      item.tokens = tokens.data();
      item.num_tokens = tokens.size();
    }
    SKEIN_CALL(skein_score, model_.get(), static_cast<void*>(items.data()), uint32_t{sizeof(items[0])}, uint32_t{20});
    for (const skein_score_item& item : items) EXPECT_LT(item.logprob, 0);
  }
  EXPECT_EQ(DrainUntilEnded(queue.get(), 1)[0].tokens.size(), 200u);
}

TEST_F(ScoreCallsTest, FailureNamesTheItem) {
  const OwnedStream stream = MakeStream(model_.get());
  const uint32_t good[] = {1, 2};
  const uint32_t bad[] = {1, 256};
  skein_score_item items[2] = {};
  for (skein_score_item& item : items) {
    item.stream = stream.get();
    item.tokens = good;
    item.num_tokens = 2;
  }
  items[1].tokens = bad;
  skein_error error = {};
  EXPECT_EQ(skein_score(model_.get(), items, sizeof(items[0]), 2, &error), SKEIN_INVALID_ARGUMENT);
  EXPECT_THAT(error.message, HasSubstr("item 1: token 1 is 256"));
  EXPECT_EQ(items[0].status, SKEIN_OK);
  EXPECT_EQ(items[1].status, SKEIN_INVALID_ARGUMENT);
  EXPECT_EQ(skein_score(model_.get(), items, 8, 2, &error), SKEIN_INVALID_ARGUMENT);
  EXPECT_EQ(skein_embed(model_.get(), items, 8, 2, &error), SKEIN_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace skein::test
