// Through the C ABI: prompts that go on from cached states give the tokens and the states, to the bit, that they give
// in a model without a cache. For q8 and q4 on `cpu` always; for the other types under the option `deterministic`.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "tests/golden/oracle.h"
#include "tests/support/drain.h"
#include "tests/support/host.h"

namespace skein::test {
namespace {

constexpr size_t kNumRequests = 60;

// A request on a stream of its own.
struct Asked {
  std::vector<uint32_t> prompt;
  std::string salt;
  int64_t max_tokens;
  int64_t seed;
};

struct Answer {
  std::vector<uint32_t> tokens;
  std::vector<uint32_t> state;  // bits
  uint64_t num_cached = 0;
  uint32_t cache = 0;
};

struct Case {
  const char* name;
  const char* path;  // of tests/data or the model in the box; else of a made-up model
  const char* type;
  bool is_deterministic;

  friend void PrintTo(const Case& test, std::ostream* out) { *out << test.name; }
};

// Prompts that are put together from few parts, so that they share beginnings of many lengths.
std::vector<Asked> MakeRequests(uint32_t vocab_size, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::vector<uint32_t>> parts(4);
  for (std::vector<uint32_t>& part : parts) {
    part.resize(20 + random() % 120);
    for (uint32_t& token : part) token = static_cast<uint32_t>(random() % vocab_size);
  }
  std::vector<Asked> requests(kNumRequests);
  for (Asked& asked : requests) {
    const size_t num_parts = 1 + random() % 3;
    for (size_t i = 0; i < num_parts; ++i) {
      const std::vector<uint32_t>& part = parts[random() % 2 + (i > 0 ? random() % 3 : 0)];
      const size_t length = random() % 3 == 0 ? 1 + random() % part.size() : part.size();
      asked.prompt.insert(asked.prompt.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(length));
    }
    asked.salt = random() % 4 == 0 ? "b" : "a";
    asked.max_tokens = 1 + static_cast<int64_t>(random() % 6);
    asked.seed = static_cast<int64_t>(random() % 1000);
  }
  return requests;
}

class PrefixCacheTest : public ::testing::TestWithParam<Case> {
 protected:
  OwnedModel Load(int64_t max_batch_tokens, int64_t prefix_cache) const {
    const std::string path = GetParam().path;
    const std::string full = path.starts_with("synthetic:") ? path : DataPath(path);
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_MODEL, {{"device", "cpu"}, {"type", GetParam().type}},
                                             {{"max_batch_streams", 48},
                                              {"max_batch_tokens", max_batch_tokens},
                                              {"prefix_cache", prefix_cache},
                                              {"deterministic", GetParam().is_deterministic ? 1 : 0}});
    OwnedModel model;
    skein_error error = {};
    EXPECT_TRUE(Ok(skein_model_load(runtime_.get(), full.c_str(), options.get(), model.out(), &error), error));
    return model;
  }

  // Runs the requests, `num_at_once` of them at a time.
  std::vector<Answer> Run(skein_model model, const std::vector<Asked>& requests, size_t num_at_once) const {
    OwnedQueue queue;
    EXPECT_EQ(skein_queue_create(runtime_.get(), nullptr, queue.out(), nullptr), SKEIN_OK);
    std::vector<Answer> answers;
    for (size_t first = 0; first < requests.size(); first += num_at_once) {
      const size_t count = std::min(num_at_once, requests.size() - first);
      std::vector<OwnedStream> streams;
      std::vector<OwnedRequest> owned;
      std::vector<skein_request> handles;
      for (size_t i = 0; i < count; ++i) {
        streams.push_back(NewStream(model, requests[first + i].salt));
        owned.push_back(NewRequest(streams.back().get(), requests[first + i], i));
        handles.push_back(owned.back().get());
      }
      skein_error error = {};
      EXPECT_TRUE(Ok(skein_queue_submit(queue.get(), handles.data(), static_cast<uint32_t>(count), &error), error));
      std::map<uint64_t, Delivered> delivered = DrainUntilEnded(queue.get(), count);
      for (size_t i = 0; i < count; ++i) {
        EXPECT_EQ(delivered[i].end, uint32_t{SKEIN_EVENT_DONE});
        Answer& answer = answers.emplace_back();
        answer.tokens = delivered[i].tokens;
        answer.num_cached = delivered[i].num_cached_tokens;
        answer.cache = delivered[i].cache;
        for (const float value : StateOf(streams[i].get())) answer.state.push_back(std::bit_cast<uint32_t>(value));
      }
    }
    return answers;
  }

  const OwnedRuntime runtime_ = MakeRuntime();

 private:
  static OwnedStream NewStream(skein_model model, const std::string& salt) {
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_STREAM, {{"cache_salt", salt}});
    OwnedStream stream;
    skein_error error = {};
    EXPECT_TRUE(Ok(skein_stream_create(model, options.get(), stream.out(), &error), error));
    return stream;
  }
  static OwnedRequest NewRequest(skein_stream stream, const Asked& asked, uint64_t user_data) {
    OwnedRequest request;
    skein_error error = {};
    EXPECT_TRUE(Ok(skein_request_create(stream, request.out(), &error), error));
    const OwnedOptions options =
        MakeOptions(SKEIN_OPTIONS_REQUEST, {},
                    {{"max_tokens", asked.max_tokens}, {"seed", asked.seed}, {"stop_at_end", 0}}, {{"top_p", 0.95}});
    EXPECT_TRUE(Ok(skein_request_set_options(request.get(), options.get(), &error), error));
    EXPECT_TRUE(
        Ok(skein_request_set_prompt_tokens(request.get(), asked.prompt.data(), asked.prompt.size(), &error), error));
    EXPECT_TRUE(Ok(skein_request_set_user_data(request.get(), user_data, &error), error));
    return request;
  }
};

TEST_P(PrefixCacheTest, CachedStatesGiveTheSameBits) {
  const OwnedModel without = Load(256, 0);
  ASSERT_NE(without.get(), nullptr);
  const std::vector<Asked> requests = MakeRequests(InfoOf(without.get()).vocab_size, 3);
  const std::vector<Answer> expected = Run(without.get(), requests, 1);
  for (const Answer& answer : expected) {
    ASSERT_EQ(answer.cache, uint32_t{SKEIN_CACHE_OFF});
    ASSERT_EQ(answer.num_cached, 0u);
  }
  for (const auto& [num_at_once, max_batch_tokens] : {std::pair{1, 512}, {16, 512}, {16, 29}}) {
    const OwnedModel with = Load(max_batch_tokens, int64_t{1} << 30);
    const std::vector<Answer> found = Run(with.get(), requests, static_cast<size_t>(num_at_once));
    uint64_t num_cached = 0;
    for (size_t i = 0; i < requests.size(); ++i) {
      ASSERT_EQ(found[i].tokens, expected[i].tokens) << "request " << i << ", " << num_at_once << " at once";
      ASSERT_EQ(found[i].state, expected[i].state) << "request " << i << ", " << num_at_once << " at once";
      num_cached += found[i].num_cached;
    }
    EXPECT_GT(num_cached, 1000u) << "the cache was hardly used";
  }
}

constexpr char kWide[] = "synthetic:C=512,L=2,F=2048,N=64,V=512";
constexpr char kBox[] = "../../samples/models/skein-demo.skein";

constexpr Case kCases[] = {
    {"v4_q8", "v4-odd.safetensors", "q8", false},
    {"v5_2_q8", "v5.2-mixed.pth", "q8", false},
    {"v6_q4", "v6-n32.pth", "q4", false},
    {"v7_q8", "v7-odd.safetensors", "q8", false},
    {"wide_q8", kWide, "q8", false},
    {"wide_q4", kWide, "q4", false},
    {"box_q8", kBox, "q8", false},
    {"wide_f32", kWide, "f32", true},
    {"wide_bf16", kWide, "bf16", true},
    {"box_f32", kBox, "f32", true},
    {"v6_f32", "v6-odd.safetensors", "f32", true},
};

INSTANTIATE_TEST_SUITE_P(Models, PrefixCacheTest, ::testing::ValuesIn(kCases),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace skein::test
