// Streams whose states lie on a disk that is full, broken, slow or overwritten. What a test means by the oldest stream
// is one whose state was parked first and has gone to the disk.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/failing_disk.h"
#include "tests/support/host.h"
#include "tests/support/remove_folder.h"

namespace skein::test {
namespace {

using ::testing::HasSubstr;

namespace fs = std::filesystem;

class DiskFaultsTest : public ::testing::Test {
 protected:
  static constexpr size_t kNumStreams = 24;  // with room for 4 in slots and 5 in host memory

  DiskFaultsTest() { RemoveFolder(folder_); }
  ~DiskFaultsTest() override {
    streams_.clear();
    model_.Close();
    runtime_.Close();
    RemoveFolder(folder_);
  }

  void SetUp() override {
    runtime_ = MakeRuntime();
    {
      const OwnedModel plain = LoadModel(runtime_.get(), SKEIN_DEMO_MODEL, "cpu", "q8", 4);
      const OwnedStream stream = MakeStream(plain.get());
      state_bytes_ = StateOf(stream.get()).size() * sizeof(float);
      for (size_t i = 0; i < kNumStreams; ++i) expected_.push_back(LogitsOf(plain.get(), i));
    }
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_MODEL,
                                             {{"device", "cpu"},
                                              {"type", "q8"},
                                              {"state_folder", folder_},
                                              {"state_memory", std::to_string(4 * state_bytes_)},
                                              {"state_host_memory", std::to_string(6 * state_bytes_)}},
                                             {{"calibrate", 0}, {"max_batch_streams", 1}, {"prefix_cache", 0}});
    skein_error error = {};
    ASSERT_TRUE(Ok(skein_model_load(runtime_.get(), SKEIN_DEMO_MODEL, options.get(), model_.out(), &error), error));
  }

  static std::string FolderOfTest() {
    std::string name = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::replace(name.begin(), name.end(), '/', '_');  // behind it is the name of the parameter
    return ::testing::TempDir() + "/skein_disk_faults_" + name + "_" + std::to_string(getpid());
  }
  static std::vector<uint32_t> Tokens(size_t stream) { return {1 + static_cast<uint32_t>(stream), 7, 9}; }
  static constexpr uint32_t kNext = 5;

  // The logits behind the tokens of a stream and one more, of a model where nothing is parked.
  static std::vector<float> LogitsOf(skein_model model, size_t stream) {
    const OwnedStream owned = MakeStream(model);
    AllLogits(model, owned.get(), Tokens(stream));
    return AllLogits(model, owned.get(), {kNext});
  }
  skein_status Eval(size_t stream, const std::vector<uint32_t>& tokens, std::vector<float>& logits,
                    skein_error& error) const {
    logits.resize(InfoOf(model_.get()).vocab_size);
    skein_eval_item item = {};
    item.stream = streams_[stream].get();
    item.tokens = tokens.data();
    item.num_tokens = tokens.size();
    item.output = logits.data();
    item.output_capacity = logits.size();
    item.output_kind = SKEIN_OUTPUT_LAST_LOGITS;
    return skein_eval(model_.get(), &item, sizeof(item), 1, &error);
  }
  // Opens the streams, each with its tokens read.
  void Open() {
    for (size_t i = 0; i < kNumStreams; ++i) {
      streams_.push_back(MakeStream(model_.get()));
      std::vector<float> logits;
      skein_error error = {};
      ASSERT_TRUE(Ok(Eval(i, Tokens(i), logits, error), error)) << i;
    }
  }
  // Whether the stream goes on as if its state had never left.
  ::testing::AssertionResult GoesOn(size_t stream) const {
    std::vector<float> logits;
    skein_error error = {};
    const skein_status status = Eval(stream, {kNext}, logits, error);
    if (status != SKEIN_OK) return Ok(status, error);
    if (logits != expected_[stream]) return ::testing::AssertionFailure() << "other logits";
    return ::testing::AssertionSuccess();
  }
  std::string File() const { return fs::directory_iterator(folder_)->path(); }

  const std::string folder_ = FolderOfTest();
  OwnedRuntime runtime_;
  uint64_t state_bytes_ = 0;
  std::vector<std::vector<float>> expected_;
  OwnedModel model_;
  std::vector<OwnedStream> streams_;
};

TEST_F(DiskFaultsTest, StreamsComeBackFromTheDisk) {
  Open();
  for (size_t i = 0; i < kNumStreams; ++i) EXPECT_TRUE(GoesOn(i)) << i;
}

TEST_F(DiskFaultsTest, DiskThatCannotBeReadFailsWhatReadsItAlone) {
  Open();
  {
    const DiskFault broken(DiskCalls::kReads, EIO);
    std::vector<float> logits;
    skein_error error = {};
    EXPECT_EQ(Eval(0, {kNext}, logits, error), SKEIN_UNAVAILABLE);
    EXPECT_THAT(error.message, HasSubstr(File()));
    EXPECT_TRUE(GoesOn(kNumStreams - 1));
  }
  for (size_t i = 1; i + 1 < kNumStreams; ++i) EXPECT_TRUE(GoesOn(i)) << i;
}

TEST_F(DiskFaultsTest, GarbageOnDiskFailsWhatReadsItAlone) {
  Open();
  {
    std::fstream file(File(), std::ios::binary | std::ios::in | std::ios::out);
    for (uint64_t at = 4096; at < fs::file_size(File()); at += 512) file.seekp(static_cast<std::streamoff>(at)).put(1);
  }
  std::vector<float> logits;
  skein_error error = {};
  EXPECT_EQ(Eval(0, {kNext}, logits, error), SKEIN_DATA_LOSS);
  EXPECT_THAT(error.message, HasSubstr(File()));
  EXPECT_TRUE(GoesOn(kNumStreams - 1));
}

TEST_F(DiskFaultsTest, DeletedFolderDisturbsNobody) {
  Open();
  fs::remove_all(folder_);
  for (size_t i = 0; i < kNumStreams; ++i) EXPECT_TRUE(GoesOn(i)) << i;
}

// The way in which a disk takes no more states, and the words of the error.
struct Refusal {
  const char* name;
  int error;
  const char* text;
};

class DiskRefusesTest : public DiskFaultsTest, public ::testing::WithParamInterface<Refusal> {};

// The states that are there go on: one that comes back makes room for one that leaves.
TEST_P(DiskRefusesTest, NewStatesAreRefusedAndTheOthersKept) {
  const DiskFault refuses(DiskCalls::kWrites, GetParam().error);
  size_t num_open = 0;
  skein_status status = SKEIN_OK;
  skein_error error = {};
  while (status == SKEIN_OK && num_open < kNumStreams) {
    streams_.push_back(MakeStream(model_.get()));
    std::vector<float> logits;
    status = Eval(num_open, Tokens(num_open), logits, error);
    if (status == SKEIN_OK) ++num_open;
  }
  EXPECT_EQ(status, SKEIN_RESOURCE_EXHAUSTED);
  EXPECT_THAT(error.message, HasSubstr("state_disk"));
  EXPECT_THAT(error.message, HasSubstr(GetParam().text));
  EXPECT_GE(num_open, 4u);
  for (size_t i = 0; i < num_open; ++i) EXPECT_TRUE(GoesOn(i)) << i;
}

INSTANTIATE_TEST_SUITE_P(All, DiskRefusesTest,
                         ::testing::Values(Refusal{"full", ENOSPC, "No space left on device"},
                                           Refusal{"quota", EDQUOT, "Disk quota exceeded"},
                                           Refusal{"read_only", EROFS, "Read-only file system"},
                                           Refusal{"broken", EIO, "Input/output error"}),
                         [](const auto& param_info) { return std::string(param_info.param.name); });

TEST_F(DiskFaultsTest, SlowDiskHoldsUpWhoNeedsItAlone) {
  Open();
  std::thread waiting;
  {
    const DiskHold slow(DiskCalls::kReads);
    waiting = std::thread([this] { EXPECT_TRUE(GoesOn(0)); });
    slow.WaitForCall();
    EXPECT_TRUE(GoesOn(kNumStreams - 1));
  }
  waiting.join();
}

}  // namespace
}  // namespace skein::test
