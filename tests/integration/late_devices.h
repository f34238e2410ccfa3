// The common parts of the tests over the late backend (tests/support/late_backend): command over it, a runtime that has
// it, and models on its devices.
#ifndef SKEIN_TESTS_INTEGRATION_LATE_DEVICES_H_
#define SKEIN_TESTS_INTEGRATION_LATE_DEVICES_H_

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/drain.h"
#include "tests/support/host.h"
#include "tests/support/late_backend/late_backend.h"

namespace skein::test {

// A model of two layers at least, cut behind the first.
inline std::string SplitOf(uint32_t num_layers) { return "late:0=0,late:1=1-" + std::to_string(num_layers - 1); }

// Ids of v7-odd, without any special meaning.
constexpr uint32_t kGoodToken = 3, kBadToken = 70;

class LateDevicesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SKEIN_CALL(skein_runtime_load_plugin, runtime_.get(), SKEIN_LATE_BACKEND);
    before_ = late_.counts();
    SKEIN_CALL(skein_queue_create, runtime_.get(), nullptr, queue_.out());
  }

  // Every fence was released, once, and when its step was done. To be asked when nobody waits for a step any more. A
  // model that has just been released may end its last steps a moment later.
  void ExpectFencesInOrder() const {
    late::Counts counts = late_.counts();
    for (int i = 0; i < 20'000 && counts.num_released < counts.num_fences; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      counts = late_.counts();
    }
    EXPECT_GT(counts.num_fences, before_.num_fences);
    EXPECT_EQ(counts.num_released, counts.num_fences);
    EXPECT_EQ(counts.num_released_early, 0u);
    EXPECT_EQ(counts.num_released_twice, 0u);
  }

  OwnedModel LoadSplit(const std::string& file = "v7-odd.safetensors") const {
    const OwnedModel whole = LoadModel(runtime_.get(), DataPath(file), "reference");
    return LoadModel(runtime_.get(), DataPath(file), SplitOf(InfoOf(whole.get()).num_layers));
  }

  // A request that reads `prompt` and generates, and never samples kBadToken.
  OwnedRequest NewRequest(skein_stream stream, const std::vector<uint32_t>& prompt, uint64_t user_data = 0,
                          int64_t max_tokens = 5) const {
    OwnedRequest request;
    skein_error error = {};
    EXPECT_TRUE(Ok(skein_request_create(stream, request.out(), &error), error));
    EXPECT_TRUE(Ok(skein_request_set_prompt_tokens(request.get(), prompt.data(), prompt.size(), &error), error));
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_REQUEST, {}, {{"max_tokens", max_tokens}});
    EXPECT_TRUE(Ok(skein_request_set_options(request.get(), options.get(), &error), error));
    EXPECT_TRUE(Ok(skein_request_set_logit_bias(request.get(), kBadToken, -INFINITY, &error), error));
    EXPECT_TRUE(Ok(skein_request_set_logit_bias(request.get(), 0, -INFINITY, &error), error));
    EXPECT_TRUE(Ok(skein_request_set_user_data(request.get(), user_data, &error), error));
    return request;
  }
  void Submit(const std::vector<skein_request>& requests) const {
    SKEIN_CALL(skein_queue_submit, queue_.get(), requests.data(), static_cast<uint32_t>(requests.size()));
  }

  // All lines of the runtime's log.
  std::string TakeLog() const {
    std::string text;
    std::string line(1 << 16, '\0');
    uint64_t size = 0;
    uint32_t severity = 0;
    while (skein_runtime_poll_log(runtime_.get(), line.data(), line.size(), &size, &severity, nullptr) == SKEIN_OK) {
      text += line.substr(0, size) + "\n";
    }
    return text;
  }

  const late::Command late_{SKEIN_LATE_BACKEND};
  OwnedRuntime runtime_ = MakeRuntime();
  OwnedQueue queue_;
  late::Counts before_;
};

}  // namespace skein::test

#endif  // SKEIN_TESTS_INTEGRATION_LATE_DEVICES_H_
