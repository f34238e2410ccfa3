// Kernels under the emulator, without the detector: threads, barriers, operations of a warp, schedules, divergence.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "cuda_emulator/control.h"
#include "tests/cuda_emulator/device_vector.h"
#include "tests/cuda_emulator/test_kernels.h"

namespace skein::emulator {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<int> Numbers(int count) {
  std::vector<int> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

class KernelTest : public testing::Test {
 protected:
  void SetUp() override {
    Configure({});
    TakeErrors();
  }
};

TEST_F(KernelTest, EveryThreadOfEveryBlockRuns) {
  const DeviceVector<int> out(64 * 256);
  ASSERT_EQ(LaunchOn(nullptr, dim3(64), dim3(256), Meet, out.data(), 3), cudaSuccess);
  EXPECT_EQ(out.Read(), Numbers(64 * 256));
  EXPECT_THAT(TakeErrors(), IsEmpty());
}

TEST_F(KernelTest, BlocksThatAreNoWholeNumberOfWarpsRun) {
  const DeviceVector<int> out(5 * 77);
  ASSERT_EQ(LaunchOn(nullptr, dim3(5), dim3(77), Meet, out.data(), 2), cudaSuccess);
  EXPECT_EQ(out.Read(), Numbers(5 * 77));
}

// Indices, widths and results as the CUDA programming guide has them, "Warp Shuffle Functions".
TEST_F(KernelTest, OperationsOfAWarpGiveWhatTheGuideSays) {
  const std::vector<int> in = Numbers(32);
  const DeviceVector<int> device_in(in);
  const DeviceVector<int> results(kNumWarpResults * 32);
  ASSERT_EQ(LaunchOn(nullptr, dim3(1), dim3(32), WarpOperations, device_in.data(), results.data()), cudaSuccess);
  const std::vector<int> found = results.Read();
  for (int lane = 0; lane < 32; ++lane) {
    const std::vector<int> expected = {7,
                                       lane / 8 * 8 + (lane + 3) % 8,
                                       lane ^ 5,
                                       lane < 3 ? lane : lane - 3,
                                       lane % 16 < 3 ? lane : lane - 3,
                                       lane + 4 < 32 ? lane + 4 : lane,
                                       lane % 8 + 4 < 8 ? lane + 4 : lane,
                                       static_cast<int>(0xAAAAAAAAu),
                                       1,
                                       1,
                                       31 * 32 / 2,
                                       0,
                                       0,
                                       lane ^ 1,
                                       lane < 16 ? lane ^ 1 : -1};
    ASSERT_THAT(expected, SizeIs(kNumWarpResults));
    for (int i = 0; i < kNumWarpResults; ++i) EXPECT_EQ(found[i * 32 + lane], expected[i]) << i << " lane " << lane;
  }
  EXPECT_THAT(TakeErrors(), IsEmpty());
}

std::vector<float> Sums(Fault fault) {
  std::vector<float> in(16 * 256);
  for (size_t i = 0; i < in.size(); ++i) in[i] = static_cast<float>(i % 17);
  const DeviceVector<float> device_in(in);
  const DeviceVector<float> out(16);
  Require(LaunchOn(nullptr, dim3(16), dim3(256), SumBlocks, device_in.data(), out.data(), fault));
  return out.Read();
}

TEST_F(KernelTest, AMissingBarrierShowsInResultsOfTheRunAheadSchedule) {
  const std::vector<float> expected = Sums(Fault::kNone);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Options options;
    options.seed = seed;
    Configure(options);
    EXPECT_EQ(Sums(Fault::kNone), expected) << "seed " << seed;
    EXPECT_NE(Sums(Fault::kNoBarrier), expected) << "seed " << seed;
  }
}

TEST_F(KernelTest, SwitchedOffBarriersAreNotWaitedAt) {
  const std::vector<float> expected = Sums(Fault::kNone);
  const std::vector<BarrierSite> sites = BarrierSites();
  EXPECT_THAT(sites, SizeIs(3));
  DisableBarrier(sites[0]);
  EXPECT_NE(Sums(Fault::kNone), expected);
  EnableBarriers();
  EXPECT_EQ(Sums(Fault::kNone), expected);
}

TEST_F(KernelTest, ThreadsThatEndAreNotWaitedFor) {
  const DeviceVector<int> out(128);
  Require(cudaMemset(out.data(), 0, 128 * sizeof(int)));
  ASSERT_EQ(LaunchOn(nullptr, dim3(1), dim3(128), EndEarly, out.data(), 40, Fault::kNone), cudaSuccess);
  EXPECT_EQ(out.Read()[127], 127);
  EXPECT_THAT(TakeErrors(), IsEmpty());
}

TEST_F(KernelTest, ABarrierThatNotAllThreadsReachIsReported) {
  const DeviceVector<int> out(128);
  ASSERT_EQ(LaunchOn(nullptr, dim3(1), dim3(128), EndEarly, out.data(), 40, Fault::kNoBarrier), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
  const std::vector<Error> errors = TakeErrors();
  ASSERT_THAT(errors, SizeIs(1));
  EXPECT_EQ(errors[0].kind, ErrorKind::kDeadlock);
  EXPECT_THAT(errors[0].kernel, HasSubstr("EndEarly"));
  EXPECT_THAT(errors[0].message, HasSubstr("__syncwarp"));
  EXPECT_THAT(errors[0].message, HasSubstr("test_kernels.cu:"));
  EXPECT_EQ(cudaMemset(out.data(), 0, 1), cudaErrorLaunchFailure) << "the error stays";
}

TEST_F(KernelTest, CopiesIntoSharedMemoryArrive) {
  std::vector<float4> in(64);
  for (int i = 0; i < 64; ++i) in[i] = make_float4(i, 1, 2, 3);
  const DeviceVector<float4> device_in(in);
  const DeviceVector<float> out(64);
  ASSERT_EQ(LaunchOn(nullptr, dim3(1), dim3(64), CopyThroughShared, device_in.data(), out.data(), Fault::kNone),
            cudaSuccess);
  const std::vector<float> found = out.Read();
  for (int i = 0; i < 64; ++i) EXPECT_EQ(found[i], i == 4 ? 0 : (i + 1) % 64 + 6) << i;
}

TEST_F(KernelTest, ACopyThatIsNotWaitedForIsNotThere) {
  const std::vector<float4> in(64, make_float4(1, 1, 1, 1));
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Options options;
    options.seed = seed;
    Configure(options);
    const DeviceVector<float4> device_in(in);
    const DeviceVector<float> out(64);
    Require(LaunchOn(nullptr, dim3(1), dim3(64), CopyThroughShared, device_in.data(), out.data(), Fault::kNoCopyWait));
    std::vector<float> expected(64, 4);
    expected[4] = 0;
    EXPECT_NE(out.Read(), expected) << "seed " << seed;
  }
}

TEST_F(KernelTest, DynamicSharedMemoryIsTheBlocks) {
  const DeviceVector<int> in(Numbers(96));
  const DeviceVector<int> out(96);
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(1);
  config.blockDim = dim3(96);
  config.dynamicSmemBytes = 96 * sizeof(int);
  ASSERT_EQ(cudaLaunchKernelEx(&config, ReverseDynamic, in.data(), out.data(), Fault::kNone), cudaSuccess);
  const std::vector<int> found = out.Read();
  for (int i = 0; i < 96; ++i) EXPECT_EQ(found[i], 95 - i);
}

TEST_F(KernelTest, ShiftedIndicesChangeResults) {
  std::vector<float> in(1000, 1);
  const DeviceVector<float> device_in(in);
  for (const IndexFault fault : {IndexFault::kThread, IndexFault::kBlock}) {
    const DeviceVector<float> out(1000);
    ShiftIndex(fault, 1);
    Require(LaunchOn(nullptr, dim3(4), dim3(256), AddOne, device_in.data(), out.data(), 1000, Fault::kNone));
    EXPECT_NE(out.Read(), std::vector<float>(1000, 2));
    ShiftIndex(IndexFault::kNone, 0);
  }
}

}  // namespace
}  // namespace skein::emulator
