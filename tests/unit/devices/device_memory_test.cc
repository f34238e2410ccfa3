#include "devices/device_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace skein {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint64_t kMiB = uint64_t{1} << 20, kGiB = uint64_t{1} << 30;

const std::vector<std::string> kDevices = {"cuda:0", "cuda:1", "cpu"};

std::vector<std::optional<uint64_t>> Limits(absl::string_view text) {
  const auto limits = ParseDeviceMemory(text, kDevices);
  EXPECT_TRUE(limits.ok()) << limits.status();
  return limits.value_or(std::vector<std::optional<uint64_t>>());
}

TEST(ParseDeviceMemoryTest, ASizeAloneIsForEveryDevice) {
  EXPECT_THAT(Limits(""), ElementsAre(std::nullopt, std::nullopt, std::nullopt));
  EXPECT_THAT(Limits("6GiB"), ElementsAre(6 * kGiB, 6 * kGiB, 6 * kGiB));
  EXPECT_THAT(Limits("1000"), ElementsAre(1000u, 1000u, 1000u));
}

TEST(ParseDeviceMemoryTest, NamesHaveTheirOwn) {
  EXPECT_THAT(Limits("cuda:1=512MiB"), ElementsAre(std::nullopt, 512 * kMiB, std::nullopt));
  EXPECT_THAT(Limits("cpu=1.5GiB,cuda:0=2TiB"), ElementsAre(2048 * kGiB, std::nullopt, 1536 * kMiB));
  EXPECT_THAT(Limits("cpu=8KiB"), ElementsAre(std::nullopt, std::nullopt, 8192u));
}

TEST(ParseDeviceMemoryTest, WhatIsNoSizeIsRefusedByItsPiece) {
  for (const char* text : {"much", "GiB", "6GB", "6 GiB", "-6GiB", "+6GiB", "1e9", "0x10", "inf", "nan", "1.2.3GiB",
                           "cpu=", "cpu=6gib", "cuda:0=6GiB,7GiB", "cuda:0=1GiB,,cpu=1GiB", "=6GiB,", "cpu=1=2"}) {
    const absl::Status status = ParseDeviceMemory(text, kDevices).status();
    EXPECT_FALSE(status.ok()) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr("device_memory \"")) << text;
  }
  EXPECT_THAT(std::string(ParseDeviceMemory("cuda:0=1GiB,cpu=x", kDevices).status().message()),
              HasSubstr("device_memory \"cpu=x\": expected a size such as 6GiB or 512MiB, or NAME=SIZE for a device"));
}

TEST(ParseDeviceMemoryTest, AbsurdSizesAreRefused) {
  for (const char* text : {"0", "0GiB", "0.1"}) {
    EXPECT_THAT(std::string(ParseDeviceMemory(text, kDevices).status().message()), HasSubstr("at least one byte"));
  }
  for (const char* text : {"99999999TiB", "18446744073709551615", "999999999999999999999999999999"}) {
    EXPECT_THAT(std::string(ParseDeviceMemory(text, kDevices).status().message()),
                HasSubstr("at most 128 PiB, which no machine exceeds"));
  }
}

TEST(ParseDeviceMemoryTest, ADeviceThatIsNotThereOrNamedTwiceIsRefused) {
  const absl::Status missing = ParseDeviceMemory("cuda:7=1GiB", kDevices).status();
  EXPECT_TRUE(absl::IsNotFound(missing));
  EXPECT_THAT(std::string(missing.message()),
              AllOf(HasSubstr("no device \"cuda:7\""), HasSubstr("there are: cuda:0, cuda:1, cpu")));
  const absl::Status twice = ParseDeviceMemory("cpu=1GiB,cpu=2GiB", kDevices).status();
  EXPECT_THAT(std::string(twice.message()), HasSubstr("\"cpu=2GiB\": the device has a limit already"));
}

TEST(BudgetOfTest, TheLeastOfAllLimitsCountsAndIsNamed) {
  EXPECT_EQ(BudgetOf(0, 0, std::nullopt).bytes, uint64_t{1} << 57);
  EXPECT_EQ(BudgetOf(0, 0, kGiB).bytes, kGiB);
  EXPECT_EQ(BudgetOf(4 * kGiB, 4 * kGiB, std::nullopt).bytes, 4 * kGiB);
  EXPECT_EQ(BudgetOf(4 * kGiB, 4 * kGiB, std::nullopt).reason, "its memory");
  EXPECT_EQ(BudgetOf(3 * kGiB, 4 * kGiB, std::nullopt).bytes, 3 * kGiB);
  EXPECT_EQ(BudgetOf(3 * kGiB, 4 * kGiB, std::nullopt).reason, "what is free of its memory");
  EXPECT_EQ(BudgetOf(4 * kGiB, 4 * kGiB, kGiB).reason, "option device_memory");
  EXPECT_EQ(BudgetOf(3 * kGiB, 4 * kGiB, 8 * kGiB).bytes, 3 * kGiB);
  EXPECT_EQ(BudgetOf(UINT64_MAX, UINT64_MAX, std::nullopt).bytes, uint64_t{1} << 57);
}

TEST(BytesTextTest, HasThreeDigitsAndTheUnit) {
  EXPECT_EQ(BytesText(0), "0 bytes");
  EXPECT_EQ(BytesText(1), "1 byte");
  EXPECT_EQ(BytesText(1023), "1023 bytes");
  EXPECT_EQ(BytesText(1024), "1.00 KiB");
  EXPECT_EQ(BytesText(6 * kGiB), "6.00 GiB");
  EXPECT_EQ(BytesText(14 * kGiB + 200 * kMiB), "14.2 GiB");
  EXPECT_EQ(BytesText(312 * kMiB), "312 MiB");
  EXPECT_EQ(BytesText(UINT64_MAX), "16.0 EiB");
}

}  // namespace
}  // namespace skein
