// Graphs of steps: when they are captured, how many are kept, and what becomes of a capture that fails.
#include "cuda/step_graphs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cuda/cuda_error.h"
#include "cuda/cuda_stream.h"
#include "cuda_emulator/control.h"
#include "tests/cuda_emulator/device_vector.h"

namespace skein::cuda {
namespace {

class StepGraphsTest : public testing::Test {
 protected:
  static StepCounts Rows(uint32_t num_rows) { return {.num_rows = num_rows, .num_sequences = num_rows}; }
  // A step that adds nothing up: its one operation leaves `num_rows` in the first byte.
  LibraryWork Run(uint32_t num_rows) {
    return graphs_.Launch(Rows(num_rows), stream_.get(), [&] {
      ++num_enqueued_;
      CheckCuda(0, cudaMemsetAsync(bytes_.data(), static_cast<int>(num_rows), 1, stream_.get()), "step");
      return LibraryWork{.of_rows = 10 * num_rows};
    });
  }
  int Result() {
    CheckCuda(0, cudaStreamSynchronize(stream_.get()), "step");
    return bytes_.Read().front();
  }
  static uint64_t NumGraphLaunches() { return emulator::CurrentCounters().num_graph_launches; }

  const bool is_configured_ = (emulator::Configure({}), true);  // before there is anything on the device
  const emulator::DeviceVector<unsigned char> bytes_{std::vector<unsigned char>(16)};
  const CudaStream stream_{0};
  std::vector<std::string> lines_;
  StepGraphs graphs_{0, [this](const std::string& line) { lines_.push_back(line); }};
  int num_enqueued_ = 0;
};

TEST_F(StepGraphsTest, ASizeIsRunOnceAndCapturedOnce) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(Run(7).of_rows, 70u) << "of a replay too";
    EXPECT_EQ(Result(), 7);
  }
  EXPECT_EQ(num_enqueued_, 2);
  EXPECT_EQ(NumGraphLaunches(), 4u);
}

TEST_F(StepGraphsTest, TheGraphThatWasUsedLeastRecentlyMakesRoom) {
  for (int i = 0; i < 2; ++i) {
    for (uint32_t rows = 1; rows <= StepGraphs::kMostGraphs; ++rows) Run(rows);
  }
  Run(1);
  EXPECT_EQ(num_enqueued_, 2 * static_cast<int>(StepGraphs::kMostGraphs));
  Run(100);
  Run(100);  // takes the place of 2
  num_enqueued_ = 0;
  Run(1);
  Run(3);
  EXPECT_EQ(num_enqueued_, 0);
  Run(2);
  EXPECT_EQ(num_enqueued_, 1);
  EXPECT_EQ(Result(), 2);
}

TEST_F(StepGraphsTest, ACaptureThatFailsIsTriedOnceAndTheStreamGoesOn) {
  const auto step = [&] {
    ++num_enqueued_;
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    CheckCuda(0, cudaStreamIsCapturing(stream_.get(), &status), "step");
    CheckCuda(0, cudaMemsetAsync(bytes_.data(), 5, 1, stream_.get()), "step");
    if (status != cudaStreamCaptureStatusNone) throw ErrorOf(0, cudaErrorInvalidValue, "a product");
    return LibraryWork{};
  };
  for (int i = 0; i < 3; ++i) {
    graphs_.Launch(Rows(9), stream_.get(), step);
    EXPECT_EQ(Result(), 5);
  }
  EXPECT_EQ(num_enqueued_, 4);
  EXPECT_THAT(lines_,
              testing::ElementsAre(testing::AllOf(testing::HasSubstr("9 rows"), testing::HasSubstr("a product"))));
  EXPECT_EQ(NumGraphLaunches(), 0u);
}

TEST_F(StepGraphsTest, ACaptureInWhichTheLibraryDidLessIsThrownAway) {
  uint64_t given = 3;
  const auto step = [&] {
    CheckCuda(0, cudaMemsetAsync(bytes_.data(), 5, 1, stream_.get()), "step");
    return LibraryWork{.of_rows = given--};
  };
  for (int i = 0; i < 2; ++i) graphs_.Launch(Rows(9), stream_.get(), step);
  EXPECT_EQ(Result(), 5);
  EXPECT_THAT(lines_, testing::ElementsAre(testing::HasSubstr("refused")));
  EXPECT_EQ(NumGraphLaunches(), 0u);
}

TEST_F(StepGraphsTest, AnErrorOutsideACaptureIsTheCallers) {
  const auto fail = [&]() -> LibraryWork { throw ErrorOf(0, cudaErrorInvalidValue, "a product"); };
  EXPECT_THROW(graphs_.Launch(Rows(9), stream_.get(), fail), plugin::Error);
  EXPECT_THAT(lines_, testing::IsEmpty());
}

TEST_F(StepGraphsTest, TheirMemoryGoesByLayersAndSizes) {
  skein_segment_desc desc = {};
  desc.num_layers = 2;
  const uint64_t one = StepGraphs::Bytes(desc, 1);
  EXPECT_GT(one, 0u);
  EXPECT_EQ(StepGraphs::Bytes(desc, 64), 12 * one);
  EXPECT_EQ(StepGraphs::Bytes(desc, 4096), StepGraphs::kMostGraphs * one);
  desc.flags = SKEIN_SEGMENT_HEAD;
  EXPECT_EQ(StepGraphs::Bytes(desc, 64), 24 * one);
  desc.num_layers = 4;
  EXPECT_GT(StepGraphs::Bytes(desc, 1), 3 * one);
}

TEST(LibraryWorkTest, RowsThatFillAStepUpDoNotCount) {
  const LibraryWork work = {.of_rows = 96 * 100, .of_logits = 96 * 7};
  const StepCounts room = {.num_rows = 96, .num_sequences = 96, .num_outputs = 96, .num_logits = 3, .num_reduced = 93};
  const StepCounts step = {.num_rows = 70, .num_sequences = 70, .num_outputs = 4, .num_logits = 3, .num_reduced = 1};
  EXPECT_EQ(work.Share(step, room), 70u * 100 + 4 * 7);
  EXPECT_EQ(work.Share(room, room), 96u * 107);
  EXPECT_EQ(LibraryWork{}.Share({}, {}), 0u);
}

}  // namespace
}  // namespace skein::cuda
