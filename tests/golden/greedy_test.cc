// The greedy tokens of small trained models, alone and among others, without the option `deterministic`: the sums of a
// batch may differ in their last bits from those of a stream alone, and no token may.
#include <gtest/gtest.h>

#include <cstdint>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include "tests/golden/oracle.h"
#include "tests/support/case_name.h"
#include "tests/support/drain.h"
#include "tests/support/host.h"

namespace skein::test {
namespace {

constexpr int64_t kNumTokens = 48;

class GreedyTest : public ::testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  void SetUp() override {
    if (SharedPath("").empty()) GTEST_SKIP() << "SKEIN_TEST_DATA is not set: the shared models are not here";
    const auto& [name, type] = GetParam();
    skein_error error = {};
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_MODEL, {{"device", "cpu"}, {"type", type}});
    const std::string path = SharedPath("tiny-rwkv/tiny-rwkv-" + name + "-FP32.bin");
    ASSERT_TRUE(Ok(skein_model_load(runtime_.get(), path.c_str(), options.get(), model_.out(), &error), error));
    SKEIN_CALL(skein_queue_create, runtime_.get(), nullptr, queue_.out());
  }

  // The answers to `prompts`, all of them at a time.
  std::vector<std::vector<uint32_t>> Answer(const std::vector<std::string>& prompts) const {
    std::vector<OwnedStream> streams;
    std::vector<OwnedRequest> requests(prompts.size());
    std::vector<skein_request> handles;
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_REQUEST, {},
                                             {{"max_tokens", kNumTokens}, {"stop_at_end", 0}}, {{"temperature", 0.0}});
    skein_error error = {};
    for (size_t i = 0; i < prompts.size(); ++i) {
      streams.push_back(MakeStream(model_.get()));
      const std::vector<uint32_t> tokens(prompts[i].begin(), prompts[i].end());  // the models read bytes
      const skein_stream stream = streams.back().get();
      EXPECT_TRUE(Ok(skein_request_create(stream, requests[i].out(), &error), error));
      const skein_request request = requests[i].get();
      EXPECT_TRUE(Ok(skein_request_set_options(request, options.get(), &error), error));
      EXPECT_TRUE(Ok(skein_request_set_prompt_tokens(request, tokens.data(), tokens.size(), &error), error));
      EXPECT_TRUE(Ok(skein_request_set_user_data(request, i, &error), error));
      handles.push_back(request);
    }
    const auto count = static_cast<uint32_t>(handles.size());
    EXPECT_TRUE(Ok(skein_queue_submit(queue_.get(), handles.data(), count, &error), error));
    std::vector<std::vector<uint32_t>> answers;
    for (auto& [user_data, delivered] : DrainUntilEnded(queue_.get(), prompts.size())) {
      EXPECT_EQ(delivered.status, SKEIN_OK);
      answers.push_back(delivered.tokens);
    }
    return answers;
  }

  const OwnedRuntime runtime_ = MakeRuntime();
  OwnedModel model_;
  OwnedQueue queue_;
};

TEST_P(GreedyTest, TokensAreTheSameAloneAndInABatch) {
  const std::vector<std::string> prompts = {"\"in",   "The ",     "Once upon a time", "int main(", "{\"a\": [1, 2",
                                            "we saw", "Ein Haus", "for i in range(",  "x = ",      "and then she said"};
  const std::vector<std::vector<uint32_t>> together = Answer(prompts);
  ASSERT_EQ(together.size(), prompts.size());
  for (size_t i = 0; i < prompts.size(); ++i) {
    const std::vector<std::vector<uint32_t>> alone = Answer({prompts[i]});
    EXPECT_EQ(alone[0].size(), static_cast<size_t>(kNumTokens));
    EXPECT_EQ(together[i], alone[0]) << prompts[i];
  }
}

INSTANTIATE_TEST_SUITE_P(Models, GreedyTest,
                         ::testing::Combine(::testing::Values("4v0-660K", "5v2-730K", "7v0-834K"),
                                            ::testing::Values("f32", "f16", "bf16")),
                         [](const auto& test) {
                           return CaseName(std::get<0>(test.param) + "_" + std::get<1>(test.param));
                         });

}  // namespace
}  // namespace skein::test
