// Streams through the C ABI: fork, snapshot, restore, reset, and eval.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/support/host.h"

namespace skein::test {
namespace {

using ::testing::HasSubstr;

class StreamsTest : public ::testing::TestWithParam<std::string> {
 protected:
  std::vector<uint8_t> SnapshotOf(skein_stream stream) {
    uint64_t size = 0;
    EXPECT_EQ(skein_stream_snapshot(stream, nullptr, 0, &size, nullptr), SKEIN_OK);
    std::vector<uint8_t> bytes(size);
    skein_error error = {};
    EXPECT_TRUE(Ok(skein_stream_snapshot(stream, bytes.data(), size, &size, &error), error));
    return bytes;
  }

  uint64_t PositionOf(skein_stream stream) {
    uint64_t position = ~uint64_t{0};
    EXPECT_EQ(skein_stream_position(stream, &position, nullptr), SKEIN_OK);
    return position;
  }

  const OwnedRuntime runtime_ = MakeRuntime();
  const OwnedModel model_ = LoadModel(runtime_.get(), DataPath("v7-odd.safetensors"), GetParam());
  OwnedStream stream_ = MakeStream(model_.get());
};

TEST_P(StreamsTest, ForkContinuesFromTheSameStateAndEachGoesItsOwnWay) {
  AllLogits(model_.get(), stream_.get(), {1, 2, 3});
  OwnedStream fork;
  SKEIN_CALL(skein_stream_fork, stream_.get(), fork.out());
  EXPECT_EQ(PositionOf(fork.get()), 3u);
  const std::vector<float> before = StateOf(stream_.get());
  EXPECT_EQ(StateOf(fork.get()), before);
  const std::vector<float> logits = AllLogits(model_.get(), fork.get(), {4, 5});
  EXPECT_EQ(StateOf(stream_.get()), before);
  EXPECT_EQ(AllLogits(model_.get(), stream_.get(), {4, 5}), logits);
}

TEST_P(StreamsTest, ResetIsAsFresh) {
  const std::vector<float> fresh = AllLogits(model_.get(), stream_.get(), {7, 8});
  SKEIN_CALL(skein_stream_reset, stream_.get());
  EXPECT_EQ(PositionOf(stream_.get()), 0u);
  EXPECT_EQ(AllLogits(model_.get(), stream_.get(), {7, 8}), fresh);
}

TEST_P(StreamsTest, FreshStreamHasTheInitialState) {
  for (const float value : StateOf(stream_.get())) ASSERT_EQ(value, 0.0f);
}

TEST_P(StreamsTest, RestoredSnapshotGoesOnAsTheStreamDoes) {
  AllLogits(model_.get(), stream_.get(), {1, 2, 3, 4});
  const std::vector<uint8_t> snapshot = SnapshotOf(stream_.get());
  const std::vector<float> expected = AllLogits(model_.get(), stream_.get(), {5, 6});
  const OwnedStream other = MakeStream(model_.get());
  SKEIN_CALL(skein_stream_restore, other.get(), snapshot.data(), snapshot.size());
  EXPECT_EQ(PositionOf(other.get()), 4u);
  EXPECT_EQ(AllLogits(model_.get(), other.get(), {5, 6}), expected);
}

TEST_P(StreamsTest, SnapshotRestoresOnTheOtherBackend) {
  AllLogits(model_.get(), stream_.get(), {1, 2, 3, 4});
  const std::vector<uint8_t> snapshot = SnapshotOf(stream_.get());
  const std::vector<float> expected = AllLogits(model_.get(), stream_.get(), {5, 6});
  const OwnedModel elsewhere =
      LoadModel(runtime_.get(), DataPath("v7-odd.safetensors"), GetParam() == "cpu" ? "reference" : "cpu");
  const OwnedStream other = MakeStream(elsewhere.get());
  SKEIN_CALL(skein_stream_restore, other.get(), snapshot.data(), snapshot.size());
  const std::vector<float> logits = AllLogits(elsewhere.get(), other.get(), {5, 6});
  ASSERT_EQ(logits.size(), expected.size());
  for (size_t i = 0; i < logits.size(); ++i) ASSERT_NEAR(logits[i], expected[i], 3e-4f);
}

TEST_P(StreamsTest, SnapshotOfAnotherModelIsRefusedByFingerprint) {
  AllLogits(model_.get(), stream_.get(), {1});
  const std::vector<uint8_t> snapshot = SnapshotOf(stream_.get());
  const OwnedModel other = LoadModel(runtime_.get(), DataPath("v7-n16.pth"), GetParam());
  const OwnedStream stream = MakeStream(other.get());
  EXPECT_EQ(skein_stream_restore(stream.get(), snapshot.data(), snapshot.size(), nullptr), SKEIN_FAILED_PRECONDITION);
}

TEST_P(StreamsTest, CorruptSnapshotLeavesTheStreamWhereItWas) {
  AllLogits(model_.get(), stream_.get(), {1, 2});
  const std::vector<float> before = StateOf(stream_.get());
  std::vector<uint8_t> snapshot = SnapshotOf(stream_.get());
  snapshot[snapshot.size() / 2] ^= 1;
  EXPECT_EQ(skein_stream_restore(stream_.get(), snapshot.data(), snapshot.size(), nullptr), SKEIN_DATA_LOSS);
  EXPECT_EQ(skein_stream_restore(stream_.get(), snapshot.data(), 50, nullptr), SKEIN_DATA_LOSS);
  EXPECT_EQ(PositionOf(stream_.get()), 2u);
  EXPECT_EQ(StateOf(stream_.get()), before);
}

TEST_P(StreamsTest, EvalGivesHiddenRowsAndLastLogits) {
  const skein_model_info info = InfoOf(model_.get());
  const std::vector<uint32_t> tokens = {3, 1, 4, 1, 5};
  const std::vector<float> all = AllLogits(model_.get(), stream_.get(), tokens);
  const struct {
    uint32_t kind;
    size_t floats;
  } cases[] = {{SKEIN_OUTPUT_LAST_LOGITS, info.vocab_size},
               {SKEIN_OUTPUT_LAST_HIDDEN, info.d_model},
               {SKEIN_OUTPUT_ALL_HIDDEN, tokens.size() * info.d_model}};
  std::vector<std::vector<float>> outputs;
  for (const auto& wanted : cases) {
    const OwnedStream stream = MakeStream(model_.get());
    outputs.emplace_back(wanted.floats, NAN);
    skein_eval_item item = {};
    item.stream = stream.get();
    item.tokens = tokens.data();
    item.num_tokens = tokens.size();
    item.output = outputs.back().data();
    item.output_capacity = wanted.floats;
    item.output_kind = wanted.kind;
    SKEIN_CALL(skein_eval, model_.get(), &item, sizeof(item), 1);
  }
  for (size_t i = 0; i < info.vocab_size; ++i) EXPECT_NEAR(outputs[0][i], all[4 * info.vocab_size + i], 1e-4f);
  for (size_t i = 0; i < info.d_model; ++i) EXPECT_NEAR(outputs[1][i], outputs[2][4 * info.d_model + i], 1e-4f);
}

TEST_P(StreamsTest, LongEvalIsCutIntoStepsAndGivesTheSame) {
  // More tokens than a step holds (option max_batch_tokens is 512).
  std::vector<uint32_t> tokens(1300);
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<uint32_t>(i * 31 % 77);
  const std::vector<float> whole = AllLogits(model_.get(), stream_.get(), tokens);
  const OwnedStream other = MakeStream(model_.get());
  const std::vector<uint32_t> head(tokens.begin(), tokens.begin() + 700);
  const std::vector<uint32_t> tail(tokens.begin() + 700, tokens.end());
  AllLogits(model_.get(), other.get(), head);
  const std::vector<float> logits = AllLogits(model_.get(), other.get(), tail);
  const size_t offset = head.size() * 77;
  for (size_t i = 0; i < logits.size(); ++i) ASSERT_NEAR(logits[i], whole[offset + i], 3e-4f) << i;
}

TEST_P(StreamsTest, BadItemFailsAloneAndIsNamed) {
  const OwnedStream good = MakeStream(model_.get());
  const uint32_t bad_token[] = {5, 77};
  const uint32_t good_token[] = {5};
  std::vector<float> logits(77);
  skein_eval_item items[2] = {};
  items[0].stream = stream_.get();
  items[0].tokens = bad_token;
  items[0].num_tokens = 2;
  items[1].stream = good.get();
  items[1].tokens = good_token;
  items[1].num_tokens = 1;
  items[1].output = logits.data();
  items[1].output_capacity = logits.size();
  items[1].output_kind = SKEIN_OUTPUT_LAST_LOGITS;
  skein_error error = {};
  EXPECT_EQ(skein_eval(model_.get(), items, sizeof(items[0]), 2, &error), SKEIN_INVALID_ARGUMENT);
  EXPECT_THAT(error.message, HasSubstr("item 0: token 1 is 77; expected an id below the vocabulary's size 77"));
  EXPECT_EQ(items[0].status, SKEIN_INVALID_ARGUMENT);
  EXPECT_EQ(items[1].status, SKEIN_OK);
  EXPECT_EQ(PositionOf(stream_.get()), 0u);
  EXPECT_EQ(PositionOf(good.get()), 1u);
}

TEST_P(StreamsTest, OneStreamTwiceInAnEvalIsRefusedTheSecondTime) {
  const uint32_t token[] = {5};
  skein_eval_item items[2] = {};
  for (skein_eval_item& item : items) {
    item.stream = stream_.get();
    item.tokens = token;
    item.num_tokens = 1;
  }
  EXPECT_EQ(skein_eval(model_.get(), items, sizeof(items[0]), 2, nullptr), SKEIN_FAILED_PRECONDITION);
  EXPECT_EQ(items[0].status, SKEIN_OK);
  EXPECT_EQ(PositionOf(stream_.get()), 1u);
}

TEST_P(StreamsTest, StreamLimitIsRefusedAndReleaseMakesRoom) {
  std::vector<OwnedStream> streams;
  for (int i = 0; i < 7; ++i) streams.push_back(MakeStream(model_.get()));
  skein_stream extra = nullptr;
  skein_error error = {};
  EXPECT_EQ(skein_stream_create(model_.get(), nullptr, &extra, &error), SKEIN_RESOURCE_EXHAUSTED);
  EXPECT_EQ(extra, nullptr);
  EXPECT_THAT(error.message, HasSubstr("max_streams"));
  EXPECT_EQ(skein_stream_fork(stream_.get(), &extra, nullptr), SKEIN_RESOURCE_EXHAUSTED);
  streams.pop_back();
  const OwnedStream again = MakeStream(model_.get());
  EXPECT_NE(again.get(), nullptr);
}

TEST_P(StreamsTest, ThreadsMayEvalForkAndSnapshotAtOnce) {
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      const OwnedStream stream = MakeStream(model_.get());
      for (int i = 0; i < 10; ++i) {
        AllLogits(model_.get(), stream.get(), {static_cast<uint32_t>(t), static_cast<uint32_t>(i)});
        skein_stream fork = nullptr;
        if (skein_stream_fork(stream.get(), &fork, nullptr) != SKEIN_OK) ++failures;
        if (SnapshotOf(stream.get()).empty()) ++failures;
        if (skein_stream_release(fork, nullptr) != SKEIN_OK) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
}

// A snapshot that libskein wrote before version 2 of the layout: 48 tokens read and 3 sampled.
TEST_P(StreamsTest, SnapshotOfVersion1GoesOnAsItsStreamDid) {
  const OwnedModel model = LoadModel(runtime_.get(), DataPath("v7-n16.pth"), GetParam());
  const std::string snapshot = ReadFile(DataPath("v7-n16.v1.snapshot"));
  const OwnedStream restored = MakeStream(model.get());
  SKEIN_CALL(skein_stream_restore, restored.get(), snapshot.data(), snapshot.size());
  EXPECT_EQ(PositionOf(restored.get()), 50u);

  // The pending token, 48, is fed before the 5. The logits are compared with those of a stream that read everything.
  const std::vector<float> logits = AllLogits(model.get(), restored.get(), {5});
  std::vector<uint32_t> tokens = ReadTokens(DataPath("v7-n16.tokens.json"));
  for (const uint32_t token : {43u, 6u, 48u, 5u}) tokens.push_back(token);
  const OwnedStream fresh = MakeStream(model.get());
  const std::vector<float> expected = AllLogits(model.get(), fresh.get(), tokens);
  const size_t offset = expected.size() - logits.size();
  for (size_t i = 0; i < logits.size(); ++i) ASSERT_NEAR(logits[i], expected[offset + i], 3e-4f) << i;
}

TEST_P(StreamsTest, SnapshotOfASnapshotIsTheSameBytes) {
  AllLogits(model_.get(), stream_.get(), {1, 2, 3, 4});
  const std::vector<uint8_t> snapshot = SnapshotOf(stream_.get());
  const OwnedStream other = MakeStream(model_.get());
  SKEIN_CALL(skein_stream_restore, other.get(), snapshot.data(), snapshot.size());
  EXPECT_EQ(SnapshotOf(other.get()), snapshot);
}

TEST_P(StreamsTest, SnapshotFollowsTheBufferRule) {
  AllLogits(model_.get(), stream_.get(), {1, 2});
  uint64_t needed = 0;
  SKEIN_CALL(skein_stream_snapshot, stream_.get(), nullptr, 0, &needed);
  std::vector<uint8_t> bytes(needed + 100, 0xAB);
  uint64_t size = 0;
  EXPECT_EQ(skein_stream_snapshot(stream_.get(), bytes.data(), needed - 1, &size, nullptr), SKEIN_OUT_OF_RANGE);
  EXPECT_EQ(size, needed);
  EXPECT_EQ(bytes[0], 0xAB);
  // A larger buffer is as good: `size` is the size written.
  SKEIN_CALL(skein_stream_snapshot, stream_.get(), bytes.data(), bytes.size(), &size);
  EXPECT_EQ(size, needed);
  for (size_t i = needed; i < bytes.size(); ++i) ASSERT_EQ(bytes[i], 0xAB);
  const OwnedStream other = MakeStream(model_.get());
  SKEIN_CALL(skein_stream_restore, other.get(), bytes.data(), size);
}

INSTANTIATE_TEST_SUITE_P(Devices, StreamsTest, ::testing::Values("reference", "cpu"));

}  // namespace
}  // namespace skein::test
