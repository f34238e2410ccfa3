// Mutants of right kernels are noticed, and one that changes nothing is named as a survivor.
#include "cuda_emulator/mutants.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cuda_emulator/device_vector.h"
#include "tests/cuda_emulator/test_kernels.h"

namespace skein::emulator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

bool SumsAreRight(Fault fault) {
  try {
    const DeviceVector<float> in(std::vector<float>(1024, 1)), out(4);
    Require(LaunchOn(nullptr, dim3(4), dim3(256), SumBlocks, in.data(), out.data(), fault));
    return out.Read() == std::vector<float>(4, 256);
  } catch (const std::runtime_error&) {
    return false;
  }
}

TEST(MutantsTest, EachMutantOfARightKernelIsCaught) {
  const MutantReport report = ForEachMutant([] { return SumsAreRight(Fault::kNone); });
  EXPECT_THAT(report.complaints, IsEmpty());
  EXPECT_THAT(report.survivors, IsEmpty());
  EXPECT_THAT(report.caught, SizeIs(3 + 2));
}

TEST(MutantsTest, AFaultThatIsThereAlreadyIsComplainedOf) {
  const MutantReport report = ForEachMutant([] { return SumsAreRight(Fault::kNoSecondBarrier); });
  EXPECT_THAT(report.complaints, Not(IsEmpty()));
}

// A barrier that orders nothing, as in Meet, can be left out.
TEST(MutantsTest, AMutantThatNobodyNoticesSurvives) {
  MutantOptions options;
  options.index_mutants.clear();
  const auto run = [] {
    const DeviceVector<int> out(64);
    return LaunchOn(nullptr, dim3(1), dim3(64), Meet, out.data(), 1) == cudaSuccess && out.Read()[63] == 63;
  };
  EXPECT_THAT(ForEachMutant(run, options).survivors, ElementsAre(HasSubstr("__syncthreads at ")));
  options.kept_kinds = {"__syncthreads"};
  EXPECT_THAT(ForEachMutant(run, options).survivors, IsEmpty());
}

TEST(MutantsTest, ABlockTooManyIsCaught) {
  MutantOptions options;
  options.index_mutants = {{IndexFault::kExtraBlock, 0}};
  const MutantReport report = ForEachMutant([] { return SumsAreRight(Fault::kNone); }, options);
  EXPECT_THAT(report.survivors, IsEmpty());
}

}  // namespace
}  // namespace skein::emulator
