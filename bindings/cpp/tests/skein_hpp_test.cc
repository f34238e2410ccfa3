// skein.hpp: what it gives, and what misuse of it does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "skein/skein.hpp"

namespace {

using skein::Error;
using skein::Event;

constexpr char kModel[] = SKEIN_TESTS_DIR "/../samples/models/skein-demo.skein";

static_assert(!std::is_copy_constructible_v<skein::Stream> && std::is_nothrow_move_constructible_v<skein::Stream>);
static_assert(!std::is_copy_constructible_v<skein::Queue> && std::is_nothrow_move_assignable_v<skein::Queue>);

// The code of the Error that `function` throws.
template <typename Function>
skein_status CodeOf(Function&& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.code();
  }
  return SKEIN_OK;
}

class SkeinHppTest : public testing::Test {
 protected:
  skein::Stream NewStream() const { return skein::Stream(model_); }
  static skein::RequestOptions Greedy(int64_t max_tokens) {
    return {{"max_tokens", max_tokens}, {"temperature", 0}, {"stop_at_end", 0}};
  }
  // The whole text of a greedy request.
  std::string Complete(const skein::Stream& stream, std::string_view prompt, int64_t max_tokens) {
    skein::Queue queue(runtime_);
    const skein::Request request(stream, prompt, Greedy(max_tokens));
    queue.Submit(request);
    std::string text;
    for (const Event& event : queue) text += event.text();
    return text;
  }

  skein::Runtime runtime_{{{"threads", 1}}};
  skein::Model model_{runtime_, kModel, {{"device", "reference"}, {"calibrate", 0}, {"max_streams", 16}}};
};

TEST_F(SkeinHppTest, AnErrorHasTheCodeItsNameAndTheMessage) {
  try {
    const skein::Model model(runtime_, "/no/such/file");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), SKEIN_NOT_FOUND);
    EXPECT_STREQ(error.code_name(), "NOT_FOUND");
    EXPECT_THAT(error.what(), testing::HasSubstr("/no/such/file"));
  }
}

TEST_F(SkeinHppTest, ARefusalSaysWhenToTryAgain) {
  std::vector<skein::Stream> streams;
  try {
    while (true) streams.push_back(NewStream());
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), SKEIN_RESOURCE_EXHAUSTED);
    EXPECT_GT(error.retry_after_ms(), 0u);
  }
  EXPECT_EQ(streams.size(), 16u);
}

TEST_F(SkeinHppTest, TryGivesTheValueOrTheError) {
  skein::Result<skein::Stream> stream = skein::Try([&] { return NewStream(); });
  ASSERT_TRUE(stream.ok());
  EXPECT_EQ(stream.value().Position(), 0u);
  skein::Result<void> failed = skein::Try([&] { stream.value().Truncate(7); });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), SKEIN_OUT_OF_RANGE);
  EXPECT_EQ(CodeOf([&] { failed.value(); }), SKEIN_OUT_OF_RANGE);
}

TEST_F(SkeinHppTest, ACallOnAClosedOwnerIsAnErrorAndClosingTwiceIsNot) {
  skein::Stream stream = NewStream();
  stream.Close();
  stream.Close();
  EXPECT_FALSE(stream);
  EXPECT_EQ(CodeOf([&] { stream.Position(); }), SKEIN_INVALID_HANDLE);
  skein::Queue queue(runtime_);
  queue.Close();
  EXPECT_EQ(CodeOf([&] { queue.Poll(); }), SKEIN_INVALID_HANDLE);
}

TEST_F(SkeinHppTest, AMovedOwnerIsEmptyAndTheOtherGoesOn) {
  skein::Stream first = NewStream();
  skein::Stream second = std::move(first);
  EXPECT_EQ(CodeOf([&] { first.Position(); }), SKEIN_INVALID_HANDLE);  // NOLINT(*-use-after-move,*.Move)
  EXPECT_EQ(second.Position(), 0u);
  skein::Stream& alias = second;
  second = std::move(alias);
  EXPECT_EQ(second.Position(), 0u);
}

TEST_F(SkeinHppTest, AMovedQueueTakesItsEventsAlong) {
  const skein::Stream stream = NewStream();
  const skein::Request request(stream, "In the beginning", Greedy(12));
  skein::Queue first(runtime_);
  first.Submit(request);
  std::string text(first.Next()->text());
  skein::Queue second = std::move(first);
  for (const Event& event : first) ADD_FAILURE() << event.text();  // NOLINT(*-use-after-move,*.Move)
  EXPECT_EQ(first.num_running(), 0u);
  for (const Event& event : second) text += event.text();
  EXPECT_EQ(text, Complete(NewStream(), "In the beginning", 12));
}

TEST_F(SkeinHppTest, APromptMayBeTokens) {
  const std::vector<skein::Token> prompt = {65, 66};
  const skein::Stream stream = NewStream();
  const skein::Request request(stream, prompt, Greedy(2));
  skein::Queue queue(runtime_);
  queue.Submit(request);
  while (queue.Next() != nullptr) {
  }
  EXPECT_THAT(stream.Tokens(), testing::SizeIs(4));
}

TEST_F(SkeinHppTest, AnOwnerThatIsAssignedToReleasesWhatItHad) {
  std::vector<skein::Stream> streams(15);
  for (int i = 0; i < 100; ++i) streams[i % 15] = NewStream();
  EXPECT_EQ(model_.Load().num_streams, 15u);
}

TEST_F(SkeinHppTest, ParentsMayEndFirst) {
  skein::Stream stream = NewStream();
  skein::Queue queue(runtime_);
  const skein::Request request(stream, "In the beginning", Greedy(4));
  queue.Submit(request);
  model_.Close();
  runtime_.Close();
  stream.Close();  // which cancels the request
  for (const Event& event : queue) {
    EXPECT_NE(event.kind, uint32_t{SKEIN_EVENT_ERROR});
  }
}

TEST_F(SkeinHppTest, ALoopThatAnExceptionLeavesGoesOnLater) {
  const skein::Stream stream = NewStream();
  const std::string expected = Complete(NewStream(), "In the beginning", 12);
  skein::Queue queue(runtime_);
  const skein::Request request(stream, "In the beginning", Greedy(12));
  queue.Submit(request);
  std::string text;
  int num_events = 0;
  EXPECT_THROW(
      {
        for (const Event& event : queue) {
          text += event.text();
          if (++num_events == 3) throw std::logic_error("in the middle");
        }
      },
      std::logic_error);
  for (const Event& event : queue) text += event.text();
  EXPECT_EQ(text, expected);
  EXPECT_EQ(queue.num_running(), 0u);
}

TEST_F(SkeinHppTest, PollTakesWhatALoopHasLeft) {
  const skein::Stream stream = NewStream();
  skein::Queue queue(runtime_);
  const skein::Request request(stream, "In the beginning", Greedy(12));
  queue.Submit(request);
  std::string text(queue.Next()->text());
  while (queue.num_running() > 0 || queue.Wait(std::chrono::milliseconds(0))) {
    for (const Event& event : queue.Poll()) text += event.text();
    if (queue.num_running() > 0) queue.Wait();
  }
  EXPECT_EQ(text, Complete(NewStream(), "In the beginning", 12));
}

TEST_F(SkeinHppTest, OptionsThatAreNotGivenStayAsTheyAre) {
  const skein::Stream stream = NewStream();
  const skein::Request request(stream, "In the beginning", Greedy(4));
  request.SetOptions({});
  request.SetOptions({{"seed", 7}});
  skein::Queue queue(runtime_);
  queue.Submit(request);
  std::string text;
  for (const Event& event : queue) text += event.text();
  EXPECT_EQ(text, Complete(NewStream(), "In the beginning", 4));
}

TEST_F(SkeinHppTest, ARequestMayBeSubmittedWithinALoop) {
  const skein::Stream stream = NewStream();
  skein::Queue queue(runtime_);
  const skein::Request first(stream, "In the beginning", Greedy(4)), second(stream, "", Greedy(4));
  queue.Submit(first);
  std::string text;
  for (const Event& event : queue) {
    text += event.text();
    if (event.is_terminal() && event.request == first.get()) queue.Submit(second);
  }
  EXPECT_EQ(text, Complete(NewStream(), "In the beginning", 8));
}

TEST_F(SkeinHppTest, ATextThatIsLongerThanTheRoomIsTakenWhole) {
  const skein::Stream stream = NewStream();
  // The stop string holds all of the text back, which then comes as one.
  const std::string long_stop = std::string(5000, 'z');
  const skein::Request request(stream, "In the beginning", Greedy(4200));
  request.AddStop(long_stop);
  request.SetLogitBias('z', 1000.0f);
  skein::Queue queue(runtime_);
  queue.Submit(request);
  std::string text;
  size_t longest = 0;
  for (const Event& event : queue) {
    text += event.text();
    longest = std::max(longest, event.text().size());
  }
  EXPECT_EQ(text, std::string(4200, 'z'));
  EXPECT_GT(longest, 4096u);
}

TEST_F(SkeinHppTest, TheWakeupIsCalledUntilItIsRemoved) {
  std::atomic<int> num_calls = 0;
  const skein::Stream stream = NewStream();
  skein::Queue queue(runtime_);
  queue.SetWakeup([&] { ++num_calls; });
  skein::Queue moved = std::move(queue);
  const skein::Request first(stream, "In the beginning", Greedy(2)), second(stream, "", Greedy(2));
  moved.Submit(first);
  while (moved.Next() != nullptr) {
  }
  EXPECT_GT(num_calls, 0);
  moved.SetWakeup({});
  num_calls = 0;
  moved.Submit(second);
  while (moved.Next() != nullptr) {
  }
  EXPECT_EQ(num_calls, 0);
}

TEST_F(SkeinHppTest, StreamsOfOneModelAreUsedByManyThreads) {
  const std::string expected = Complete(NewStream(), "In the beginning", 8);
  std::vector<std::string> texts(8);
  std::vector<std::thread> threads;
  for (std::string& text : texts) {
    threads.emplace_back([&] { text = Complete(NewStream(), "In the beginning", 8); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(texts, testing::Each(expected));
}

TEST_F(SkeinHppTest, OneThreadSubmitsWhileAnotherIterates) {
  constexpr size_t kRequests = 200;
  const skein::Stream stream = NewStream();
  skein::Queue queue(runtime_);
  std::atomic<bool> is_submitted = false;
  std::thread submitter([&] {
    for (size_t i = 0; i < kRequests; ++i) {
      queue.Submit(skein::Request(NewStream(), "a", Greedy(1)));
      while (queue.num_running() > 8) std::this_thread::yield();
    }
    is_submitted = true;
  });
  size_t num_ended = 0;
  while (!is_submitted || queue.num_running() > 0) {
    for (const Event& event : queue) num_ended += event.is_terminal() ? 1 : 0;
  }
  submitter.join();
  EXPECT_EQ(num_ended, kRequests);
}

TEST_F(SkeinHppTest, ANulInsideAPathOrKeyIsAnError) {
  EXPECT_EQ(CodeOf([&] { skein::Model(runtime_, std::string(kModel) + '\0' + "x"); }), SKEIN_INVALID_ARGUMENT);
  EXPECT_EQ(CodeOf([] { skein::ModelOptions{{std::string("device\0", 7), "cpu"}}; }), SKEIN_INVALID_ARGUMENT);
}

TEST_F(SkeinHppTest, OptionsTakeTheTypeOfTheirValue) {
  const skein::RequestOptions options{{"max_tokens", 3u}, {"temperature", 0.5f}, {"logprobs", int64_t{1}}};
  EXPECT_NE(options.get(), nullptr);
  EXPECT_EQ(skein::RequestOptions().get(), nullptr);
  EXPECT_EQ(CodeOf([] { skein::RequestOptions{{"max_tokens", "3"}}; }), SKEIN_INVALID_ARGUMENT);
}

TEST_F(SkeinHppTest, ASpanTakesArraysAndContainers) {
  const skein::Stream stream = NewStream();
  const std::vector<skein::Token> tokens = {65, 66, 67};
  skein::Token more[] = {68, 69};
  skein::Eval(model_, stream, tokens, SKEIN_OUTPUT_NONE);
  skein::Eval(model_, stream, {more, 2}, SKEIN_OUTPUT_NONE);
  EXPECT_THAT(stream.Tokens(), testing::ElementsAre(65, 66, 67, 68, 69));
}

// A new function of the ABI is part of skein.hpp, or this fails.
TEST_F(SkeinHppTest, EveryFunctionOfTheAbiIsReached) {
  std::string text;
  for (const auto& entry : std::filesystem::directory_iterator(SKEIN_CPP_DIR)) {
    std::ifstream file(entry.path());
    text.append(std::istreambuf_iterator<char>(file), {});
  }
  const std::regex name("skein_[a-z0-9_]+");
  std::set<std::string> used;
  for (std::sregex_iterator match(text.begin(), text.end(), name), end; match != end; ++match)
    used.insert(match->str());
  std::ifstream file(SKEIN_API_JSON);
  std::vector<std::string> missing;
  const nlohmann::json api = nlohmann::json::parse(file);
  ASSERT_GT(api["functions"].size(), 50u);
  for (const auto& function : api["functions"]) {
    const auto function_name = function["name"].get<std::string>();
    // Of the library, not of an object: it is called as it is.
    if (function_name != "skein_version" && used.count(function_name) == 0) missing.push_back(function_name);
  }
  EXPECT_THAT(missing, testing::IsEmpty());
}

}  // namespace
