// A fake model, its streams, and a queue whose events are collected.
#ifndef SKEIN_TESTS_UNIT_SERVING_SERVING_HARNESS_H_
#define SKEIN_TESTS_UNIT_SERVING_SERVING_HARNESS_H_

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/stream.h"
#include "serving/completion_queue.h"
#include "serving/request.h"
#include "serving/submit.h"
#include "tests/support/fake_model.h"

namespace skein::test {

// The content of a request's events, put together.
struct Outcome {
  std::vector<uint32_t> tokens;
  std::string text;
  skein_event terminal = {};
  std::string message;  // of the terminal event
};

class ServingTest : public ::testing::Test {
 protected:
  explicit ServingTest(const FakeModelLimits& limits = {}, EngineClock clock = std::chrono::steady_clock::now)
      : clock_(std::move(clock)) {
    MakeModel(limits);
  }

  void MakeModel(const FakeModelLimits& limits) {
    auto runner = std::make_unique<FakeStepRunner>();
    const std::shared_ptr<Door> door = doors_.emplace_back(std::make_shared<Door>());
    runner->set_script([this, door](const std::vector<uint32_t>& history) {
      const std::lock_guard<std::mutex> lock(door->mutex);
      return door->is_open ? script_(history) : FakeStepRunner::Next(history);
    });
    runner->set_hook([this, door](FakeStep& step) {
      const std::lock_guard<std::mutex> lock(door->mutex);
      if (!door->is_open) return absl::OkStatus();
      ++num_steps_;
      while (is_stalled_) std::this_thread::yield();
      return hook_ ? hook_(step) : absl::OkStatus();
    });
    runner->set_pipeline(pipeline_);
    model_ = MakeFakeModel(EmptyRuntime(), std::move(runner), limits, clock_);
  }

  // The thread of a model may be in a step after the test, which it must not reach any more.
  void TearDown() override {
    is_stalled_ = false;
    for (const std::shared_ptr<Door>& door : doors_) {
      const std::lock_guard<std::mutex> lock(door->mutex);
      door->is_open = false;
    }
  }

  std::shared_ptr<Stream> NewStream() { return *Stream::Create(model_, ""); }

  // A greedy request with a prompt, for max_tokens tokens.
  std::shared_ptr<Request> NewRequest(const std::shared_ptr<Stream>& stream, const std::vector<uint32_t>& prompt,
                                      int64_t max_tokens = 8) {
    auto request = std::make_shared<Request>(stream);
    EXPECT_TRUE(request->SetPromptTokens(prompt).ok());
    Set(*request, "max_tokens", max_tokens);
    Set(*request, "stop_at_end", 0);
    Options greedy(SKEIN_OPTIONS_REQUEST);
    EXPECT_TRUE(greedy.SetReal("temperature", 0).ok());
    EXPECT_TRUE(request->SetOptions(greedy).ok());
    return request;
  }
  static void Set(Request& request, const std::string& key, int64_t value) {
    Options options(SKEIN_OPTIONS_REQUEST);
    EXPECT_TRUE(options.SetInt(key, value).ok());
    EXPECT_TRUE(request.SetOptions(options).ok());
  }
  absl::Status SubmitOne(const std::shared_ptr<Request>& request) { return Submit({&request, 1}, queue_); }

  // Takes events until a terminal one has come; only for one request at a time.
  Outcome Finish() {
    Outcome outcome;
    while (true) {
      const std::optional<bool> ready = queue_->Wait(std::chrono::steady_clock::now() + std::chrono::seconds(20));
      if (ready != true) {
        ADD_FAILURE() << "no terminal event within 20 s";
        return outcome;
      }
      uint64_t needed;
      for (const QueuedEvent& event : queue_->Take(1, 1 << 20, &needed)) {
        if (event.event.kind == SKEIN_EVENT_TOKEN) outcome.tokens.push_back(event.event.token);
        if (event.event.kind == SKEIN_EVENT_TOKEN || event.event.kind == SKEIN_EVENT_DONE) outcome.text += event.text;
        if (event.event.kind == SKEIN_EVENT_TOKEN) continue;
        outcome.terminal = event.event;
        outcome.message = event.text;
        return outcome;
      }
    }
  }
  Outcome Run(const std::shared_ptr<Request>& request) {
    const absl::Status status = SubmitOne(request);
    EXPECT_TRUE(status.ok()) << status;
    return status.ok() ? Finish() : Outcome();
  }

  void WaitForStep(int number) const {
    while (num_steps_ < number) std::this_thread::yield();
  }

  // The tokens that the fake model writes after a history.
  static std::vector<uint32_t> Greedy(std::vector<uint32_t> history, size_t num_tokens) {
    std::vector<uint32_t> tokens;
    for (size_t i = 0; i < num_tokens; ++i) {
      tokens.push_back(FakeStepRunner::Next(history));
      history.push_back(tokens.back());
    }
    return tokens;
  }
  // Makes the model write `text` behind `num_tokens` of prompt, and dots behind that.
  void WriteText(const std::string& text, size_t num_tokens) {
    script_ = [text, num_tokens](const std::vector<uint32_t>& history) {
      const size_t i = history.size() - num_tokens;
      return i < text.size() ? uint32_t{static_cast<unsigned char>(text[i])} : uint32_t{'.'};
    };
  }

  // From the steps of a model to the test.
  struct Door {
    std::mutex mutex;
    bool is_open = true;
  };
  std::vector<std::shared_ptr<Door>> doors_;

  // Before the model is made.
  EngineClock clock_ = std::chrono::steady_clock::now;
  StepPipeline pipeline_;
  // Before the first request.
  FakeStepRunner::Script script_ = FakeStepRunner::Next;
  FakeStepRunner::Hook hook_;
  std::atomic<int> num_steps_{0};
  std::atomic<bool> is_stalled_{false};
  std::shared_ptr<Model> model_;
  std::shared_ptr<CompletionQueue> queue_ = *CompletionQueue::Create();
};

}  // namespace skein::test

#endif  // SKEIN_TESTS_UNIT_SERVING_SERVING_HARNESS_H_
