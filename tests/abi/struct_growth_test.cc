// Structs that travel in arrays, in the sizes of hosts that were compiled with an older or a newer header.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "tests/support/host.h"

namespace skein::test {
namespace {

constexpr uint8_t kUntouched = 0xAB;
constexpr uint32_t kFirstEventBytes = offsetof(skein_event, logprob);

class StructGrowthTest : public ::testing::Test {
 protected:
  // Runs a request of four tokens on a fresh stream, and takes its events as structs of `event_size` bytes.
  void Run(uint32_t event_size) {
    SKEIN_CALL(skein_queue_create, runtime_.get(), nullptr, queue_.out());
    stream_ = MakeStream(model_.get());
    OwnedRequest request;
    SKEIN_CALL(skein_request_create, stream_.get(), request.out());
    SKEIN_CALL(skein_request_set_prompt, request.get(), "And", uint64_t{3});
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_REQUEST, {}, {{"max_tokens", kNumTokens}});
    SKEIN_CALL(skein_request_set_options, request.get(), options.get());
    SKEIN_CALL(skein_request_set_user_data, request.get(), uint64_t{77});
    const skein_request submitted = request.get();
    SKEIN_CALL(skein_queue_submit, queue_.get(), &submitted, 1);
    TakeAll(event_size);
    queue_.Close();
  }

  // The event at `index`. Fields for which the host's struct had no room are zero.
  skein_event EventAt(uint32_t event_size, uint32_t index) const {
    skein_event event = {};
    std::memcpy(&event, &bytes_[index * event_size], std::min<size_t>(event_size, sizeof(event)));
    return event;
  }

  static constexpr int64_t kNumTokens = 4;
  static constexpr uint32_t kNumEvents = kNumTokens + 1;

  const OwnedRuntime runtime_ = MakeRuntime();
  const OwnedModel model_ = LoadModel(runtime_.get(), SKEIN_DEMO_MODEL, "reference");
  std::vector<uint8_t> bytes_;

 private:
  void TakeAll(uint32_t event_size) {
    bytes_.assign((kNumEvents + 1) * size_t{event_size}, kUntouched);
    for (uint32_t num_taken = 0; num_taken < kNumEvents;) {
      uint32_t ready = 0;
      SKEIN_CALL(skein_queue_wait, queue_.get(), int64_t{20000}, &ready);
      ASSERT_EQ(ready, 1u);
      char text[256];
      uint64_t text_bytes = 0;
      uint32_t count = 0;
      SKEIN_CALL(skein_queue_poll, queue_.get(), &bytes_[num_taken * size_t{event_size}], event_size,
                 kNumEvents - num_taken, text, uint64_t{sizeof(text)}, &count, &text_bytes);
      num_taken += count;
    }
  }

  OwnedQueue queue_;
  OwnedStream stream_;
};

TEST_F(StructGrowthTest, EventsComeInTheHostsSize) {
  for (const uint32_t event_size :
       {kFirstEventBytes, uint32_t{sizeof(skein_event)}, uint32_t{sizeof(skein_event)} + 24}) {
    SCOPED_TRACE(event_size);
    ASSERT_NO_FATAL_FAILURE(Run(event_size));
    for (uint32_t i = 0; i < kNumEvents; ++i) {
      const skein_event event = EventAt(event_size, i);
      const uint32_t kind = i < kNumTokens ? SKEIN_EVENT_TOKEN : SKEIN_EVENT_DONE;
      EXPECT_EQ(event.kind, kind);
      EXPECT_EQ(event.user_data, 77u);
      EXPECT_EQ(event.num_tokens, std::min<uint64_t>(i + 1, kNumTokens));
    }
  }
}

TEST_F(StructGrowthTest, EventsLeaveWhatIsNotTheirsUntouched) {
  for (const uint32_t event_size : {kFirstEventBytes, uint32_t{sizeof(skein_event)} + 24}) {
    SCOPED_TRACE(event_size);
    ASSERT_NO_FATAL_FAILURE(Run(event_size));
    for (uint32_t i = 0; i < kNumEvents; ++i) {
      for (uint32_t at = sizeof(skein_event); at < event_size; ++at) {
        ASSERT_EQ(bytes_[i * event_size + at], kUntouched) << "event " << i << ", byte " << at;
      }
    }
    for (size_t at = kNumEvents * size_t{event_size}; at < bytes_.size(); ++at) ASSERT_EQ(bytes_[at], kUntouched);
  }
}

// Structs that hold pointers must be aligned, also where a host names another size.
TEST_F(StructGrowthTest, SizesAtWhichAStructCannotStandAreRefused) {
  const OwnedStream stream = MakeStream(model_.get());
  const skein_token token = 1;
  std::vector<skein_eval_item> items(3);
  for (skein_eval_item& item : items) item = {stream.get(), &token, 1, nullptr, 0, SKEIN_OUTPUT_NONE, SKEIN_OK};
  std::vector<skein_chat_message> messages(3, {"user", "hi", 2});
  std::vector<char> prompt(1000);
  uint64_t size = 0;
  skein_error error = {};
  for (const uint32_t wrong :
       {0u, 1u, 8u, uint32_t{sizeof(skein_eval_item)} + 1, uint32_t{sizeof(skein_eval_item)} + 4}) {
    EXPECT_EQ(skein_eval(model_.get(), items.data(), wrong, 2, &error), SKEIN_INVALID_ARGUMENT) << wrong;
    EXPECT_NE(std::string(error.message).find("item_size " + std::to_string(wrong)), std::string::npos);
  }
  for (const uint32_t wrong : {0u, 8u, uint32_t{sizeof(skein_chat_message)} + 1}) {
    EXPECT_EQ(skein_model_chat_prompt(model_.get(), messages.data(), wrong, 2, nullptr, prompt.data(), prompt.size(),
                                      &size, &error),
              SKEIN_INVALID_ARGUMENT)
        << wrong;
    EXPECT_NE(std::string(error.message).find("message_size " + std::to_string(wrong)), std::string::npos);
  }
}

TEST_F(StructGrowthTest, LogprobThatNobodyAskedForIsNoNumber) {
  ASSERT_NO_FATAL_FAILURE(Run(sizeof(skein_event)));
  for (uint32_t i = 0; i < kNumEvents; ++i) {
    EXPECT_TRUE(std::isnan(EventAt(sizeof(skein_event), i).logprob)) << "event " << i;
    EXPECT_EQ(EventAt(sizeof(skein_event), i).sample, 0u);
  }
}

// What lies behind a host's struct is the next one, or no memory of the host's.
TEST_F(StructGrowthTest, ScoresAndEmbeddingsOfTheFirstSizeHaveNoNewerFields) {
  constexpr uint32_t kFirstScoreBytes = offsetof(skein_score_item, priority);
  constexpr uint32_t kFirstEmbedBytes = offsetof(skein_embed_item, tenant);
  const OwnedStream stream = MakeStream(model_.get());
  const std::vector<skein_token> tokens = {1, 2, 3};
  std::vector<uint8_t> scores(3 * kFirstScoreBytes, kUntouched);
  std::vector<uint8_t> embeds(3 * kFirstEmbedBytes, kUntouched);
  std::vector<float> embedding(InfoOf(model_.get()).d_model);
  for (size_t i = 0; i < 2; ++i) {
    skein_score_item score = {};
    score.stream = stream.get();
    score.tokens = tokens.data();
    score.num_tokens = tokens.size();
    std::memcpy(&scores[i * kFirstScoreBytes], &score, kFirstScoreBytes);
    skein_embed_item embed = {};
    embed.tokens = tokens.data();
    embed.num_tokens = tokens.size();
    embed.embedding = embedding.data();
    embed.capacity = embedding.size();
    std::memcpy(&embeds[i * kFirstEmbedBytes], &embed, kFirstEmbedBytes);
  }
  SKEIN_CALL(skein_score, model_.get(), static_cast<void*>(scores.data()), kFirstScoreBytes, uint32_t{2});
  SKEIN_CALL(skein_embed, model_.get(), static_cast<void*>(embeds.data()), kFirstEmbedBytes, uint32_t{2});
  const auto is_untouched = [](uint8_t byte) { return byte == kUntouched; };
  EXPECT_TRUE(std::all_of(scores.begin() + 2 * kFirstScoreBytes, scores.end(), is_untouched));
  EXPECT_TRUE(std::all_of(embeds.begin() + 2 * kFirstEmbedBytes, embeds.end(), is_untouched));
}

}  // namespace
}  // namespace skein::test
