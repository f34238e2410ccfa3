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
  // Those of which CUDA 13.0 says that the process must be ended, or that the driver or the context has gone.
  for (const int error : {4, 214, 220, 226, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 721, 810, 911}) {
    const plugin::Error found = ErrorOf(1, static_cast<cudaError_t>(error), "step");
    EXPECT_EQ(found.code(), SKEIN_UNAVAILABLE) << error;
    EXPECT_THAT(std::string(found.what()), StartsWith("device cuda:1 is lost: step: "));
  }
}

TEST(CudaErrorTest, ADeviceThatOthersHoldIsNotLost) {
  for (const int error : {46, 802, 805, 806, 807, 808, 809}) {
    const plugin::Error found = ErrorOf(1, static_cast<cudaError_t>(error), "device");
    EXPECT_EQ(found.code(), SKEIN_UNAVAILABLE) << error;
    EXPECT_THAT(std::string(found.what()), StartsWith("device cuda:1 cannot be had now: device: "));
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
