// Memory that runs out while states move: parking, waking, the disk, the prefix cache, going back, and files with a
// past. A call that fails says RESOURCE_EXHAUSTED and leaves its stream where it was, and no state is lost.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/integration/allocation_walk.h"
#include "tests/support/late_backend/late_backend.h"
#include "tests/support/remove_folder.h"

namespace skein::test {
namespace {

using Tokens = std::vector<skein_token>;

const Tokens kOneMore = {7};  // made before an allocation can fail

// Of a model with few slots and, with a disk, few places in host memory: most of its streams are parked.
class StatesMemoryTest : public AllocationWalk {
 protected:
  static constexpr size_t kNumStreams = 24;

  ~StatesMemoryTest() override {
    streams_.clear();
    model_.Close();
    RemoveFolder(folder_);
  }

  enum class Disk { kNo, kYes };

  void Load(Disk disk, const std::string& device = "reference") {
    const std::string path = DataPath("v7-odd.safetensors");
    uint64_t state_bytes;
    {
      const OwnedModel any = LoadModel(runtime_.get(), path, "reference");
      state_bytes = InfoOf(any.get()).num_state_floats * sizeof(float);
      vocab_size_ = InfoOf(any.get()).vocab_size;
    }
    std::vector<std::pair<std::string, std::string>> texts = {{"device", device},
                                                              {"state_memory", std::to_string(6 * state_bytes)}};
    const uint64_t num_host = disk == Disk::kYes ? 8 : 100;
    texts.emplace_back("state_host_memory", std::to_string(num_host * state_bytes));
    if (disk == Disk::kYes) texts.emplace_back("state_folder", folder_);
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_MODEL, texts, {{"max_batch_streams", 2}, {"calibrate", 0}});
    skein_error error = {};
    ASSERT_TRUE(Ok(skein_model_load(runtime_.get(), path.c_str(), options.get(), model_.out(), &error), error));
    logits_.resize(vocab_size_);
  }

  // Streams that have each read a text of their own.
  void MakeStreams(size_t num_tokens) {
    for (size_t i = 0; i < kNumStreams; ++i) {
      streams_.push_back(MakeStream(model_.get()));
      skein_error error = {};
      ASSERT_TRUE(Ok(Eval(streams_[i].get(), TextOf(i, num_tokens), &error), error));
    }
  }
  static Tokens TextOf(size_t stream, size_t num_tokens) {
    Tokens tokens(num_tokens);
    for (size_t i = 0; i < num_tokens; ++i) tokens[i] = static_cast<skein_token>(1 + (stream * 7 + i * 3) % 60);
    return tokens;
  }

  // The logits go to logits_.
  skein_status Eval(skein_stream stream, const Tokens& tokens, skein_error* error) {
    skein_eval_item item = {};
    item.stream = stream;
    item.tokens = tokens.data();
    item.num_tokens = tokens.size();
    item.output = logits_.data();
    item.output_capacity = logits_.size();
    item.output_kind = SKEIN_OUTPUT_LAST_LOGITS;
    return skein_eval(model_.get(), &item, sizeof(item), 1, error);
  }
  uint64_t PositionOf(skein_stream stream) {
    uint64_t position = 0;
    EXPECT_EQ(skein_stream_position(stream, &position, nullptr), SKEIN_OK);
    return position;
  }

  // Every stream is at `position` and goes on as a fresh one that reads the same.
  void ExpectAllAreWhole(size_t position) {
    for (size_t i = 0; i < kNumStreams; ++i) {
      ASSERT_EQ(PositionOf(streams_[i].get()), position);
      ASSERT_EQ(Eval(streams_[i].get(), {5}, nullptr), SKEIN_OK);
      const std::vector<float> found = logits_;
      Tokens tokens = TextOf(i, position);
      tokens.push_back(5);
      const OwnedStream fresh = MakeStream(model_.get());
      ASSERT_EQ(Eval(fresh.get(), tokens, nullptr), SKEIN_OK);
      ASSERT_EQ(found, logits_) << "stream " << i;
    }
  }

  // The stream that was used longest ago.
  skein_stream Next() { return streams_[++last_ % kNumStreams].get(); }

  // Walks over steps of one token, each of the next stream.
  void WalkOverSteps() {
    skein_stream stream = nullptr;
    Walk(
        [&](skein_error* error) {
          stream = Next();
          return Eval(stream, kOneMore, error);
        },
        [&] { SKEIN_CALL(skein_stream_truncate, stream, uint64_t{3}, nullptr); });
  }

  const std::string folder_ = ::testing::TempDir() + "/states_memory." + std::to_string(getpid());
  const OwnedRuntime runtime_ = MakeRuntime();
  OwnedModel model_;
  uint32_t vocab_size_ = 0;
  std::vector<float> logits_;
  std::vector<OwnedStream> streams_;
  size_t last_ = 0;
};

TEST_P(StatesMemoryTest, ParkingAndWaking) {
  Load(Disk::kNo);
  MakeStreams(3);
  WalkOverSteps();
  ExpectAllAreWhole(3);
}

// Each state leaves beside the step of another stream, or between steps if it cannot, and comes back beside steps.
TEST_P(StatesMemoryTest, MovesBesideSteps) {
  const late::Command late(SKEIN_LATE_BACKEND);
  SKEIN_CALL(skein_runtime_load_plugin, runtime_.get(), SKEIN_LATE_BACKEND);
  Load(Disk::kNo, "late:0");
  MakeStreams(3);
  const late::Counts before = late.counts();
  WalkOverSteps();
  EXPECT_GT(late.counts().num_exports_begun, before.num_exports_begun);
  EXPECT_GT(late.counts().num_imports_begun, before.num_imports_begun);
  ExpectAllAreWhole(3);
  EXPECT_EQ(late.counts().num_changed_too_early, 0u);
}

TEST_P(StatesMemoryTest, MovesToTheDiskAndBack) {
  Load(Disk::kYes);
  MakeStreams(3);
  WalkOverSteps();
  ExpectAllAreWhole(3);
}

TEST_P(StatesMemoryTest, GoingBack) {
  Load(Disk::kYes);
  MakeStreams(300);
  skein_stream stream = nullptr;
  size_t of_stream = 0;
  Walk(
      [&](skein_error* error) {
        stream = Next();
        of_stream = last_ % kNumStreams;
        uint64_t num_replayed = 0;
        return skein_stream_truncate(stream, 290, &num_replayed, error);
      },
      [&] {
        EXPECT_EQ(PositionOf(stream), 290u);
        Tokens rest = TextOf(of_stream, 300);
        rest.erase(rest.begin(), rest.begin() + 290);
        EXPECT_EQ(Eval(stream, rest, nullptr), SKEIN_OK);
      });
  OwnedStream branch;
  Walk([&](skein_error* error) { return skein_stream_fork_at(Next(), 290, branch.out(), nullptr, error); },
       [&] {
         EXPECT_EQ(PositionOf(branch.get()), 290u);
         branch.Close();
       });
  ExpectAllAreWhole(300);
}

TEST_P(StatesMemoryTest, AHitOfThePrefixCache) {
  Load(Disk::kYes);
  MakeStreams(40);
  const Tokens prompt = TextOf(0, 60);
  std::vector<float> known;
  for (int i = 0; i < 3; ++i) {
    const OwnedStream fresh = MakeStream(model_.get());
    ASSERT_EQ(Eval(fresh.get(), prompt, nullptr), SKEIN_OK);
    known = logits_;
  }
  const OwnedStream stream = MakeStream(model_.get());
  Walk([&](skein_error* error) { return Eval(stream.get(), prompt, error); },
       [&] {
         EXPECT_EQ(logits_, known);
         SKEIN_CALL(skein_stream_reset, stream.get());
       });
  EXPECT_EQ(PositionOf(stream.get()), 0u);
  ExpectAllAreWhole(40);
}

TEST_P(StatesMemoryTest, FilesWithAPast) {
  Load(Disk::kYes);
  MakeStreams(300);
  const std::string path = folder_ + "/stream.state";
  Walk([&](skein_error* error) { return skein_stream_save(Next(), path.c_str(), SKEIN_SAVE_PAST, error); },
       [&] { EXPECT_TRUE(std::filesystem::remove(path)); });
  EXPECT_FALSE(std::filesystem::exists(path)) << "a call that failed left a file";
  SKEIN_CALL(skein_stream_save, streams_[3].get(), path.c_str(), uint32_t{SKEIN_SAVE_PAST});
  Walk([&](skein_error* error) { return skein_stream_load(streams_[3].get(), path.c_str(), error); });
  OwnedPrefix prefix;
  Walk([&](skein_error* error) { return skein_prefix_load(model_.get(), path.c_str(), prefix.out(), error); },
       [&] { prefix.Close(); });
  ExpectAllAreWhole(300);
}

TEST_P(StatesMemoryTest, SnapshotsWithAPast) {
  Load(Disk::kYes);
  MakeStreams(300);
  uint64_t size = 0;
  Walk([&](skein_error* error) {
    return skein_stream_snapshot_with(Next(), SKEIN_SAVE_PAST, nullptr, 0, &size, error);
  });
  std::vector<uint8_t> bytes(2 * size);
  Walk([&](skein_error* error) {
    return skein_stream_snapshot_with(Next(), SKEIN_SAVE_PAST, bytes.data(), bytes.size(), &size, error);
  });
  SKEIN_CALL(skein_stream_snapshot_with, streams_[3].get(), uint32_t{SKEIN_SAVE_PAST}, bytes.data(),
             uint64_t{bytes.size()}, &size);
  Walk([&](skein_error* error) { return skein_stream_restore(streams_[3].get(), bytes.data(), size, error); });
  ExpectAllAreWhole(300);
}

INSTANTIATE_TEST_SUITE_P(Failing, StatesMemoryTest, ::testing::Values(1, AllocationFault::kForever), FailuresName);

}  // namespace
}  // namespace skein::test
