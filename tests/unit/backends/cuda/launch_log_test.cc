// The log of launches, and the predictions of check/predict.py, which must launch what the backend launches.
#include "cuda/launch_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "cuda/cuda_stream.h"
#include "cuda/segment.h"
#include "cuda_emulator/control.h"
#include "tests/conformance/backend_conformance.h"
#include "tests/conformance/quantised_model.h"
#include "tests/conformance/synthetic_model.h"
#include "tests/conformance/test_host.h"

namespace skein::cuda {
namespace {

using conformance::SyntheticModel;
using conformance::SyntheticShape;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;

// Wide enough that sums have parts and a row of a norm several blocks.
SyntheticShape Shape(uint32_t type, uint32_t vocab_size = 77) {
  return {.name = "Logged",
          .generation = 7,
          .num_layers = 2,
          .d_model = 320,
          .head_size = 64,
          .d_ffn = 1280,
          .vocab_size = vocab_size,
          .rank_decay = 24,
          .rank_iclr = 16,
          .rank_value = 8,
          .rank_gate = 40,
          .matrix_types = {type}};
}

// The blocks of a launch that are together are few, since all of their threads have stacks.
SyntheticShape SmallShape() {
  SyntheticShape shape = Shape(SKEIN_DTYPE_F16);
  shape.d_ffn = 100;
  return shape;
}

class LaunchLogTest : public testing::Test {
 protected:
  LaunchLogTest() { emulator::Configure({}); }
  ~LaunchLogTest() override {
    unsetenv("SKEIN_CUDA_LAUNCHES");
    unsetenv("SKEIN_CUDA");
    std::filesystem::remove(file_);
  }

  // Logs steps of one token from so many streams each, and a prompt of nine.
  void LogSteps(uint32_t type, const std::string& switches, const std::vector<uint32_t>& numbers_of_rows,
                const std::string& file) {
    LogStepsOf(Shape(type), type, switches, numbers_of_rows, file);
  }
  void LogStepsOf(const SyntheticShape& shape, uint32_t type, const std::string& switches,
                  const std::vector<uint32_t>& numbers_of_rows, const std::string& file) {
    setenv("SKEIN_CUDA_LAUNCHES", file.c_str(), 1);
    setenv("SKEIN_CUDA", switches.c_str(), 1);
    const conformance::TestHost host(2);
    const SyntheticModel model = type == SKEIN_DTYPE_Q8 ? conformance::Quantised(shape, {type}) : SyntheticModel(shape);
    skein_segment_desc desc = DescribeSegment(model, 0, 2, SKEIN_SEGMENT_EMBEDDING | SKEIN_SEGMENT_HEAD);
    desc.compute_type = desc.weight_type = type;
    desc.num_slots = desc.max_entries = desc.max_tokens = 80;
    const SegmentPlace place = {.device = 0, .capability = 90, .switches = ReadSwitches()};
    const std::unique_ptr<Segment> segment = MakeSegment(*host.table(), place, desc);
    for (const skein_tensor& tensor : TensorsOf(model, desc)) segment->Put(tensor);
    segment->Seal();
    for (const uint32_t num_rows : numbers_of_rows) Step(*segment, num_rows, 1, shape.vocab_size);
    Step(*segment, 1, 9, shape.vocab_size);
  }
  static void Step(Segment& segment, uint32_t num_entries, uint32_t num_tokens, uint32_t vocab_size) {
    std::vector<uint32_t> tokens(size_t{num_entries} * num_tokens, 5);
    std::vector<float> logits(tokens.size() * vocab_size);
    std::vector<skein_step_entry> entries(num_entries);
    for (uint32_t i = 0; i < num_entries; ++i) {
      entries[i].read_slot = SKEIN_SLOT_INITIAL;
      entries[i].write_slot = i;
      entries[i].first_token = i * num_tokens;
      entries[i].num_tokens = num_tokens;
      entries[i].output = SKEIN_STEP_LOGITS;
      entries[i].output_start = num_tokens - 1;
      entries[i].output_rows = logits.data() + size_t{i} * vocab_size;
    }
    skein_step step = {};
    step.struct_size = sizeof(step);
    step.num_tokens = static_cast<uint32_t>(tokens.size());
    step.num_entries = num_entries;
    step.entry_size = sizeof(entries[0]);
    step.tokens = tokens.data();
    step.entries = entries.data();
    EXPECT_EQ(segment.Step(step).fence->Wait(-1), "");
  }
  std::string Log() const {
    std::ostringstream text;
    text << std::ifstream(file_).rdbuf();
    return text.str();
  }
  // What predict.py ends with, for the log.
  int Predict(const std::string& option) const {
    const std::string command = "python3 -B " SKEIN_PREDICT " " + option + " " + file_ + " > " + file_ + ".out 2>&1";
    const int status = std::system(command.c_str());
    std::ostringstream text;
    text << std::ifstream(file_ + ".out").rdbuf();
    std::filesystem::remove(file_ + ".out");
    if (status != 0) told_ = text.str();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  const std::string file_ = testing::TempDir() + "/skein_launches_" + std::to_string(getpid());
  mutable std::string told_;
};

TEST_F(LaunchLogTest, EachLaunchOfAStepHasALine) {
  LogSteps(SKEIN_DTYPE_F16, "", {1, 1}, file_);
  const std::string log = Log();
  EXPECT_THAT(log, HasSubstr("segment generation=7 layers=2 d_model=320 d_ffn=1280 vocab=77 head_size=64 "
                             "ranks=24,16,8,40 weights=2 compute=2 state=0 switches=\n"));
  // Both steps of a row are one entry; a step has the embedding, eight launches a layer, and four behind them.
  EXPECT_THAT(log, ContainsRegex("step rows=1 sequences=1 logits=1 empty_us=[0-9.]+\nlaunch grid=1x1x1 threads=256 "
                                 "shared=0 least_us="));
  EXPECT_THAT(log, HasSubstr("step rows=9 sequences=1 logits=1 empty_us="));
  size_t num_launches = 0;
  for (size_t at = 0; (at = log.find("launch ", at)) != std::string::npos; ++at) ++num_launches;
  EXPECT_EQ(num_launches, 2u * (1 + 2 * 8 + 4));
}

// Else a kernel's time would be that of the host, where the host takes longer for the next launch.
TEST_F(LaunchLogTest, TheDeviceBeginsAStepWhenItIsEnqueued) {
  const CudaStream stream(0);
  LaunchLog log(file_, {});
  std::atomic<bool> has_begun = false;
  log.Begin({.num_rows = 1, .num_sequences = 1, .num_outputs = 1, .num_logits = 1, .num_reduced = 0});
  log.Before(stream.get());
  const auto begin = [](void* flag) { *static_cast<std::atomic<bool>*>(flag) = true; };
  ASSERT_EQ(cudaLaunchHostFunc(stream.get(), begin, &has_begun), cudaSuccess);
  log.After(stream.get(), dim3(1), 32, 0);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(cudaStreamQuery(stream.get()), cudaErrorNotReady) << i;
  EXPECT_FALSE(has_begun);
  log.End(stream.get());
  EXPECT_TRUE(has_begun);
}

TEST_F(LaunchLogTest, WithoutAFileNothingIsLogged) {
  LogSteps(SKEIN_DTYPE_F16, "graphs", {1}, "");
  EXPECT_EQ(Log(), "");
}

TEST_F(LaunchLogTest, StepsAreLaunchedAsPredicted) {
  if (std::system("python3 -c ''") != 0) GTEST_SKIP() << "there is no python3";
  for (const char* switches :
       {"", "sparse", "graphs,dependent_launch,split_sums,rounded_rows", "wide_tiles", "wide_tiles,split_sums"}) {
    LogSteps(SKEIN_DTYPE_F16, switches, {1, 2, 3, 5, 9, 17, 33, 66}, file_);
  }
  // A row of logits has two blocks.
  LogStepsOf(Shape(SKEIN_DTYPE_F16, 4200), SKEIN_DTYPE_F16, "split_logits", {1, 3}, file_);
  for (const uint32_t type : {SKEIN_DTYPE_F32, SKEIN_DTYPE_BF16, SKEIN_DTYPE_Q8}) LogSteps(type, "", {1, 4, 5}, file_);
  LogStepsOf(SmallShape(), SKEIN_DTYPE_F16, "persistent", {1, 2}, file_);
  EXPECT_EQ(Predict("--agrees"), 0) << told_;
  EXPECT_EQ(Predict("--measured"), 0) << told_;
}

// So many outputs that blocks of 128 count less.
TEST_F(LaunchLogTest, WideTilesAreLaunchedAsPredicted) {
  if (std::system("python3 -c ''") != 0) GTEST_SKIP() << "there is no python3";
  SyntheticShape shape = Shape(SKEIN_DTYPE_F16);
  shape.d_model = 64;
  shape.d_ffn = 8192;
  shape.vocab_size = 12288;
  LogStepsOf(shape, SKEIN_DTYPE_F16, "wide_tiles,split_sums", {40, 66}, file_);
  EXPECT_THAT(Log(), AllOf(HasSubstr("threads=256 shared=86016"), HasSubstr("threads=256 shared=98304")));
  EXPECT_EQ(Predict("--agrees"), 0) << told_;
}

TEST_F(LaunchLogTest, ALaunchOfAnotherShapeIsSeen) {
  if (std::system("python3 -c ''") != 0) GTEST_SKIP() << "there is no python3";
  LogSteps(SKEIN_DTYPE_F16, "", {5}, file_);
  std::string log = Log();
  log.replace(log.find("threads=128"), 11, "threads=256");
  std::ofstream(file_) << log;
  EXPECT_EQ(Predict("--agrees"), 1);
  EXPECT_THAT(told_, HasSubstr("tiles r, k, v"));
}

}  // namespace
}  // namespace skein::cuda
