// The effect of libskein on the process and on the threads of its callers: the process ends at any moment, a thread is
// cancelled, a thread computes with another floating-point environment.
#include <fenv.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/drain.h"
#include "tests/support/host.h"

namespace skein::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// --- the end of the process ---

// A test process runs this program anew for each end: a forked child could not use the library.
class ProcessEndTest : public ::testing::Test {
 protected:
  ProcessEndTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

std::string PluginPath(const std::string& name) { return std::string(SKEIN_PLUGIN_DIR) + "/" + name + ".so"; }

// Three models on a device whose steps do not come back, each in a step and two of them released. The arena has room
// for more than that.
void StallThreeModelsAndExit() {
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_RUNTIME, {}, {{"search", 0}, {"threads", 8}});
  skein_runtime runtime = nullptr;
  skein_runtime_create(options.get(), &runtime, nullptr);
  skein_runtime_load_plugin(runtime, SKEIN_STALLING_BACKEND, nullptr);
  skein_runtime_load_plugin(runtime, PluginPath("format-pth").c_str(), nullptr);
  for (int i = 0; i < 3; ++i) {
    skein_model model = nullptr;
    skein_model_load(runtime, DataPath("v7-n16.pth").c_str(), nullptr, &model, nullptr);
    skein_stream stream = nullptr;
    if (skein_stream_create(model, nullptr, &stream, nullptr) != SKEIN_OK) std::exit(1);
    std::thread([model, stream] { AllLogits(model, stream, {1}); }).detach();
    std::this_thread::sleep_for(milliseconds(100));
    if (i > 0) skein_model_release(model, nullptr);
  }
  std::exit(0);
}

TEST_F(ProcessEndTest, WaitsTenSecondsAtMostHoweverManyModelsStall) {
  const auto start = steady_clock::now();
  EXPECT_EXIT(StallThreeModelsAndExit(), ::testing::ExitedWithCode(0), "");
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(18));
}

// The thread that loads touches no object of this program, since these objects end with the process.
void ExitWhileLoading(milliseconds delay) {
  static const std::string& path = *new std::string(DataPath("v7-n16.pth"));
  std::thread([] {
    skein_runtime runtime = nullptr;
    skein_model model = nullptr;
    skein_runtime_create(nullptr, &runtime, nullptr);
    while (skein_model_load(runtime, path.c_str(), nullptr, &model, nullptr) == SKEIN_OK) {
      skein_model_release(model, nullptr);
    }
    while (true) pause();
  }).detach();
  std::this_thread::sleep_for(delay);
  std::exit(0);
}

TEST_F(ProcessEndTest, MayComeDuringALoad) {
  for (int i = 0; i < 24; ++i) {
    const auto start = steady_clock::now();
    EXPECT_EXIT(ExitWhileLoading(milliseconds(4 * i)), ::testing::ExitedWithCode(0), "");
    EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(8));
  }
}

TEST_F(ProcessEndTest, RefusesNewLoads) {
  const auto exit_then_load = [] {
    static const OwnedRuntime& runtime = *new OwnedRuntime(MakeRuntime());
    std::atexit([] {
      // Registered before a model is loaded, so that it runs after the library's own exit handlers.
      skein_model model = nullptr;
      const skein_status status =
          skein_model_load(runtime.get(), DataPath("v7-n16.pth").c_str(), nullptr, &model, nullptr);
      _exit(status == SKEIN_CANCELLED && model == nullptr ? 0 : 1);
    });
    LoadModel(runtime.get(), DataPath("v7-n16.pth"), "reference");
    std::exit(2);
  };
  EXPECT_EXIT(exit_then_load(), ::testing::ExitedWithCode(0), "");
}

// --- threads that are cancelled ---

class CancellationTest : public ::testing::Test {
 protected:
  // Runs `body` on a thread that is cancelled; `while_waiting` runs here after that. True if the thread was ended by
  // it.
  template <typename Body, typename WhileWaiting>
  bool RunCancelled(Body body, WhileWaiting while_waiting) {
    body_ = body;
    pthread_t thread;
    EXPECT_EQ(pthread_create(&thread, nullptr, &Run, this), 0);
    pthread_cancel(thread);
    go_ = true;
    while_waiting();
    void* result = nullptr;
    EXPECT_EQ(pthread_join(thread, &result), 0);
    return result == PTHREAD_CANCELED;
  }

  const OwnedRuntime runtime_ = MakeRuntime();

 private:
  static void* Run(void* test) {
    auto* self = static_cast<CancellationTest*>(test);
    while (!self->go_) {
    }
    self->body_();
    pthread_testcancel();
    return nullptr;
  }

  std::function<void()> body_;
  std::atomic<bool> go_{false};
};

TEST_F(CancellationTest, ActsAfterTheCall) {
  const OwnedModel model = LoadModel(runtime_.get(), DataPath("v7-n16.pth"), "cpu");
  const OwnedStream stream = MakeStream(model.get());
  std::vector<float> state;
  const bool cancelled = RunCancelled(
      [&] {
        AllLogits(model.get(), stream.get(), {1, 2, 3});
        state = StateOf(stream.get());
        const OwnedModel other = LoadModel(runtime_.get(), DataPath("v7-n16.pth"), "cpu");
      },
      [] {});
  EXPECT_TRUE(cancelled);
  EXPECT_EQ(StateOf(stream.get()), state);
}

TEST_F(CancellationTest, LetsAWaitGoOnUntilItsQueueIsReleased) {
  OwnedQueue queue;
  SKEIN_CALL(skein_queue_create, runtime_.get(), nullptr, queue.out());
  skein_status status = SKEIN_OK;
  const bool cancelled = RunCancelled(
      [&] {
        uint32_t ready = 0;
        status = skein_queue_wait(queue.get(), -1, &ready, nullptr);
      },
      [&] {
        std::this_thread::sleep_for(milliseconds(50));
        skein_queue_release(*queue.out(), nullptr);
      });
  EXPECT_TRUE(cancelled);
  EXPECT_EQ(status, SKEIN_INVALID_HANDLE);
  *queue.out() = nullptr;
}

// --- threads with a floating-point environment of their own ---

struct Results {
  std::vector<float> logits;
  std::vector<uint32_t> tokens;
};

// Everything from the runtime on, on the calling thread.
Results LoadAndRun(const std::string& device, const std::string& type) {
  Results results;
  const OwnedRuntime runtime = MakeRuntime();
  const OwnedModel model = LoadModel(runtime.get(), DataPath("v7-odd.safetensors"), device, type);
  const OwnedStream stream = MakeStream(model.get());
  results.logits = AllLogits(model.get(), stream.get(), {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17});
  OwnedQueue queue;
  OwnedRequest request;
  EXPECT_EQ(skein_queue_create(runtime.get(), nullptr, queue.out(), nullptr), SKEIN_OK);
  EXPECT_EQ(skein_request_create(stream.get(), request.out(), nullptr), SKEIN_OK);
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_REQUEST, {}, {{"max_tokens", 20}, {"seed", 7}},
                                           {{"temperature", 1.3}, {"top_p", 0.9}, {"presence_penalty", 0.3}});
  EXPECT_EQ(skein_request_set_options(request.get(), options.get(), nullptr), SKEIN_OK);
  const uint32_t prompt = 3;
  EXPECT_EQ(skein_request_set_prompt_tokens(request.get(), &prompt, 1, nullptr), SKEIN_OK);
  const skein_request submitted = request.get();
  EXPECT_EQ(skein_queue_submit(queue.get(), &submitted, 1, nullptr), SKEIN_OK);
  results.tokens = DrainUntilEnded(queue.get(), 1)[0].tokens;
  return results;
}

class FpEnvironmentTest : public ::testing::TestWithParam<std::pair<std::string, std::string>> {};

TEST_P(FpEnvironmentTest, OfAHostThreadChangesNoResultAndIsKept) {
  const auto& [device, type] = GetParam();
  const Results expected = LoadAndRun(device, type);
  EXPECT_EQ(expected.tokens.size(), 20u);
  Results results;
  int rounding_after = 0;
  int traps_after = 0;
  std::thread host([&, device = device, type = type] {
    fesetround(FE_UPWARD);
    feenableexcept(FE_ALL_EXCEPT);
    results = LoadAndRun(device, type);
    rounding_after = fegetround();
    traps_after = fegetexcept();
  });
  host.join();
  EXPECT_EQ(results.logits, expected.logits);
  EXPECT_EQ(results.tokens, expected.tokens);
  EXPECT_EQ(rounding_after, FE_UPWARD);
  EXPECT_EQ(traps_after, FE_ALL_EXCEPT);
}

INSTANTIATE_TEST_SUITE_P(Devices, FpEnvironmentTest,
                         ::testing::Values(std::pair("reference", "f32"), std::pair("reference", "q4"),
                                           std::pair("cpu", "f32"), std::pair("cpu", "q8"), std::pair("cpu", "q4")),
                         [](const auto& row) { return row.param.first + "_" + row.param.second; });

}  // namespace
}  // namespace skein::test
