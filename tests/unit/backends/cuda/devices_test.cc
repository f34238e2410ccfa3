#include "cuda/devices.h"

#include <cuda_runtime.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "cuda_emulator/control.h"
#include "skein/status.h"
#include "support/boundary.h"

namespace skein::cuda {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class DevicesTest : public testing::Test {
 protected:
  ~DevicesTest() override { emulator::Configure({}); }

  static void Configure(int num_devices, int capability = 90, cudaError_t no_devices = cudaErrorNoDevice) {
    emulator::Options options;
    options.num_devices = num_devices;
    options.capability = capability;
    options.no_devices = no_devices;
    emulator::Configure(options);
  }

  // The reason of UNAVAILABLE.
  static std::string Refusal() {
    try {
      UsableDevices();
    } catch (const plugin::Error& error) {
      EXPECT_EQ(error.code(), SKEIN_UNAVAILABLE);
      return error.what();
    }
    return "";
  }
};

TEST_F(DevicesTest, AllThatAreNewEnoughAreListed) {
  Configure(2);
  EXPECT_THAT(UsableDevices(), ElementsAre(0, 1));
  Configure(1, 75);
  EXPECT_THAT(UsableDevices(), ElementsAre(0));
}

TEST_F(DevicesTest, NoneHasAReason) {
  Configure(0);
  EXPECT_THAT(Refusal(), HasSubstr("no GPU"));
  Configure(0, 90, cudaErrorInsufficientDriver);
  EXPECT_THAT(Refusal(), testing::AllOf(HasSubstr("driver is too old"), HasSubstr("11.8"), HasSubstr("13.0")));
  Configure(1, 70);
  EXPECT_THAT(Refusal(), HasSubstr("7.5 or newer, found 7.0"));
}

TEST_F(DevicesTest, TheVariableThatHidesGpusIsNamed) {
  Configure(0);
  setenv("CUDA_VISIBLE_DEVICES", "", 1);
  const std::string refusal = Refusal();
  unsetenv("CUDA_VISIBLE_DEVICES");
  EXPECT_THAT(refusal, HasSubstr("CUDA_VISIBLE_DEVICES is \"\""));
}

TEST_F(DevicesTest, ADeviceWithoutCodeIsNotPlacedOn) {
  emulator::Options options;
  options.has_code = false;
  emulator::Configure(options);
  EXPECT_THAT(UsableDevices(), ElementsAre(0));
  try {
    FreeMemoryOf(0);
    FAIL() << "it was asked for its memory";
  } catch (const plugin::Error& error) {
    EXPECT_EQ(error.code(), SKEIN_UNAVAILABLE);
    EXPECT_THAT(std::string(error.what()), HasSubstr("cuda:0: the plugin was not compiled for it: kernels: no kernel"));
  }
}

TEST_F(DevicesTest, ADescriptionHasNameAndMemory) {
  Configure(2);
  const skein_backend_device info = DescribeDevice(1);
  EXPECT_STREQ(info.name, "cuda:1");
  EXPECT_THAT(info.description, HasSubstr("compute capability 9.0"));
  EXPECT_EQ(info.memory_bytes, uint64_t{1} << 30);
  EXPECT_EQ(info.deterministic_types, 1u << SKEIN_DTYPE_NONE | 1u << SKEIN_DTYPE_F32);
  EXPECT_NE(info.compute_types & 1u << SKEIN_DTYPE_BF16, 0u);
  Configure(1, 75);
  EXPECT_EQ(DescribeDevice(0).compute_types & 1u << SKEIN_DTYPE_BF16, 0u) << "from 8.0 on";
}

TEST_F(DevicesTest, OnlyTheQuestionForFreeMemoryMakesAContext) {
  Configure(2);
  for (const uint32_t device : UsableDevices()) DescribeDevice(device);
  EXPECT_EQ(emulator::CurrentCounters().num_contexts, 0u);
  void* taken = nullptr;
  ASSERT_EQ(cudaMalloc(&taken, 4096), cudaSuccess);
  EXPECT_EQ(FreeMemoryOf(0), (uint64_t{1} << 30) - 4096);
  EXPECT_EQ(emulator::CurrentCounters().num_contexts, 1u);
  EXPECT_EQ(FreeMemoryOf(1), uint64_t{1} << 30);
  EXPECT_EQ(emulator::CurrentCounters().num_contexts, 2u);
  cudaFree(taken);
}

}  // namespace
}  // namespace skein::cuda
