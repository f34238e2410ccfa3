#include "cuda/cuda_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "skein/status.h"

namespace skein::cuda {
namespace {

using testing::StartsWith;

TEST(CudaErrorTest, SuccessIsNone) { EXPECT_NO_THROW(CheckCuda(0, cudaSuccess, "step")); }

TEST(CudaErrorTest, ErrorsThatStayMeanThatTheDeviceIsLost) {
  for (const cudaError_t error : {cudaErrorIllegalAddress, cudaErrorLaunchFailure, cudaErrorECCUncorrectable}) {
    const plugin::Error found = ErrorOf(1, error, "step");
    EXPECT_EQ(found.code(), SKEIN_UNAVAILABLE);
    EXPECT_THAT(std::string(found.what()), StartsWith("device cuda:1 is lost: step: "));
  }
}

TEST(CudaErrorTest, MemoryThatIsMissingIsNoDefect) {
  EXPECT_EQ(ErrorOf(0, cudaErrorMemoryAllocation, "states").code(), SKEIN_RESOURCE_EXHAUSTED);
}

TEST(CudaErrorTest, AWrongLaunchIsADefect) {
  const plugin::Error found = ErrorOf(0, cudaErrorInvalidConfiguration, "step");
  EXPECT_EQ(found.code(), SKEIN_INTERNAL);
  EXPECT_THAT(std::string(found.what()), StartsWith("device cuda:0: step: "));
}

}  // namespace
}  // namespace skein::cuda
