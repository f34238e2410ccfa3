#include "devices/device_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace skein {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Takes float32 and float16 weights, and computes in float32.
skein_backend_device PlainDevice() {
  skein_backend_device device = {};
  device.weight_types = 1u << SKEIN_DTYPE_F32 | 1u << SKEIN_DTYPE_F16;
  device.compute_types = 1u << SKEIN_DTYPE_F32;
  std::strcpy(device.name, "plain");
  return device;
}

TEST(CheckPrecisionTest, ArithmeticThatADeviceLacksIsRefusedWithWhatItOffers) {
  const absl::Status status = CheckPrecision(*ParsePrecision("bf16"), PlainDevice());
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("type bf16: device plain"), HasSubstr("it offers auto, f32, f16"), Not(HasSubstr("q8"))));
}

TEST(CheckPrecisionTest, TypesOfWeightsNeedNoArithmeticOfTheirOwn) {
  EXPECT_TRUE(CheckPrecision(*ParsePrecision("auto"), PlainDevice()).ok());
  EXPECT_TRUE(CheckPrecision(*ParsePrecision("f16"), PlainDevice()).ok());
  EXPECT_FALSE(CheckPrecision(*ParsePrecision("q8"), PlainDevice()).ok());
  skein_backend_device device = PlainDevice();
  device.weight_types |= 1u << SKEIN_DTYPE_Q8;
  EXPECT_TRUE(CheckPrecision(*ParsePrecision("q8"), device).ok());
}

}  // namespace
}  // namespace skein
