#include "devices/precision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "skein/dtype.h"

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

TEST(ParsePrecisionTest, NothingIsAutoAndOtherWordsAreRefusedWithAllThereAre) {
  EXPECT_EQ(ParsePrecision("")->name, "auto");
  EXPECT_EQ(ParsePrecision("q4")->matrix_dtype, uint32_t{SKEIN_DTYPE_Q4});
  const absl::Status status = ParsePrecision("q5").status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("expected one of auto, f32, f16, bf16, q8, q4"));
}

TensorSpec Matrix(uint32_t dtype, uint32_t layout) {
  TensorSpec spec;
  spec.role = SKEIN_ROLE_TIME_KEY;
  spec.dtype = dtype;
  spec.layout = layout;
  spec.shape = {512, 512};
  return spec;
}

TEST(WeightTypeOnTest, ATypeThatADeviceDoesNotTakeBecomesFloat32) {
  const skein_backend_device device = PlainDevice();
  EXPECT_EQ(WeightTypeOn(device, *ParsePrecision("auto"), Matrix(SKEIN_DTYPE_F16, 0)), uint32_t{SKEIN_DTYPE_F16});
  EXPECT_EQ(WeightTypeOn(device, *ParsePrecision("auto"), Matrix(SKEIN_DTYPE_BF16, 0)), uint32_t{SKEIN_DTYPE_F32});
  EXPECT_EQ(WeightTypeOn(device, *ParsePrecision("f16"), Matrix(SKEIN_DTYPE_F32, 0)), uint32_t{SKEIN_DTYPE_F16});
}

TEST(LayoutOnTest, PanelsStayWhereTheDeviceTakesThemAsTheyAreStored) {
  skein_backend_device device = PlainDevice();
  const TensorSpec panels = Matrix(SKEIN_DTYPE_F16, SKEIN_LAYOUT_PANELS);
  EXPECT_EQ(LayoutOn(device, SKEIN_DTYPE_NONE, panels, SKEIN_DTYPE_F16), uint32_t{SKEIN_LAYOUT_ROWS});
  device.layouts = 1u << SKEIN_LAYOUT_ROWS | 1u << SKEIN_LAYOUT_PANELS;
  EXPECT_EQ(LayoutOn(device, SKEIN_DTYPE_NONE, panels, SKEIN_DTYPE_F16), uint32_t{SKEIN_LAYOUT_PANELS});
  EXPECT_EQ(LayoutOn(device, SKEIN_DTYPE_NONE, panels, SKEIN_DTYPE_F32), uint32_t{SKEIN_LAYOUT_ROWS});
  EXPECT_EQ(LayoutOn(device, SKEIN_DTYPE_BF16, panels, SKEIN_DTYPE_F16), uint32_t{SKEIN_LAYOUT_ROWS});
}

TEST(ComputeTypeForTest, OnlyAnOpenArithmeticIsTheDevicesChoice) {
  skein_backend_device device = PlainDevice();
  device.compute_types |= 1u << SKEIN_DTYPE_F16;
  const Precision open = *ParsePrecision("auto");
  EXPECT_EQ(ComputeTypeFor(device, open, SKEIN_DTYPE_F16), uint32_t{SKEIN_DTYPE_NONE});
  device.auto_types = 1u << SKEIN_DTYPE_F16;
  EXPECT_EQ(ComputeTypeFor(device, open, SKEIN_DTYPE_F16), uint32_t{SKEIN_DTYPE_F16});
  EXPECT_EQ(ComputeTypeFor(device, open, SKEIN_DTYPE_BF16), uint32_t{SKEIN_DTYPE_NONE});
  EXPECT_EQ(ComputeTypeFor(device, *ParsePrecision("f32"), SKEIN_DTYPE_F16), uint32_t{SKEIN_DTYPE_F32});
  EXPECT_EQ(ComputeTypeFor(device, *ParsePrecision("q8"), SKEIN_DTYPE_F16), uint32_t{SKEIN_DTYPE_NONE});
}

TEST(ComputeTypeForTest, ATypeThatTheDeviceDoesNotComputeWithIsNotAskedFor) {
  skein_backend_device device = PlainDevice();
  device.auto_types = 1u << SKEIN_DTYPE_F16;
  EXPECT_EQ(ComputeTypeFor(device, *ParsePrecision("auto"), SKEIN_DTYPE_F16), uint32_t{SKEIN_DTYPE_NONE});
}

TEST(StateTypeTest, NothingIsFloat32AndOtherWordsAreRefused) {
  EXPECT_EQ(*ParseStateType(""), uint32_t{SKEIN_DTYPE_F32});
  EXPECT_EQ(*ParseStateType("f16"), uint32_t{SKEIN_DTYPE_F16});
  const absl::Status status = ParseStateType("bf16").status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("state_type \"bf16\": expected f32 or f16"));
}

TEST(StateTypeTest, EveryDeviceOffersFloat32AndOthersByTheirBit) {
  skein_backend_device device = PlainDevice();
  EXPECT_TRUE(CheckStateType(SKEIN_DTYPE_F32, device).ok());
  const absl::Status refused = CheckStateType(SKEIN_DTYPE_F16, device);
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("state_type f16: device plain"));
  device.state_types = 1u << SKEIN_DTYPE_F16;
  EXPECT_TRUE(CheckStateType(SKEIN_DTYPE_F16, device).ok());
}

TEST(DeterministicTest, ADeviceOffersItByItsFeatureOrPromisesItForTheType) {
  skein_backend_device device = PlainDevice();
  device.compute_types |= 1u << SKEIN_DTYPE_BF16;
  device.deterministic_types = 1u << SKEIN_DTYPE_NONE | 1u << SKEIN_DTYPE_F32;
  EXPECT_TRUE(CheckDeterministic(*ParsePrecision("auto"), device).ok());
  EXPECT_TRUE(CheckDeterministic(*ParsePrecision("f32"), device).ok());
  const absl::Status refused = CheckDeterministic(*ParsePrecision("bf16"), device);
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("deterministic: device plain does not offer it in type bf16"));
  device.features = SKEIN_FEATURE_DETERMINISTIC;
  EXPECT_TRUE(CheckDeterministic(*ParsePrecision("bf16"), device).ok());
}

TEST(DeterministicTest, AnArithmeticThatTheDeviceMayChooseCounts) {
  skein_backend_device device = PlainDevice();
  device.compute_types |= 1u << SKEIN_DTYPE_BF16;
  device.auto_types = 1u << SKEIN_DTYPE_BF16;
  device.deterministic_types = 1u << SKEIN_DTYPE_NONE;
  EXPECT_EQ(CheckDeterministic(*ParsePrecision("auto"), device).code(), absl::StatusCode::kUnimplemented);
  EXPECT_TRUE(CheckDeterministic(*ParsePrecision("q8"), device).ok());
}

}  // namespace
}  // namespace skein
