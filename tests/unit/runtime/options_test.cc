#include "runtime/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "runtime/option_keys.h"

namespace skein {
namespace {

using ::testing::HasSubstr;

TEST(OptionsTest, KeepsWhatWasSetAndNothingElse) {
  Options options(SKEIN_OPTIONS_REQUEST);
  ASSERT_TRUE(options.SetInt("seed", -5).ok());
  ASSERT_TRUE(options.SetReal("temperature", 0.5).ok());
  EXPECT_EQ(options.Find(request_options::kSeed), -5);
  EXPECT_EQ(options.Find(request_options::kTemperature), 0.5);
  EXPECT_FALSE(options.Find(request_options::kTopK).has_value());
}

TEST(OptionsTest, AKeyGivesWhatWasSetElseItsDefault) {
  Options options(SKEIN_OPTIONS_MODEL);
  EXPECT_EQ(options[model_options::kMaxBatchStreams], 64);
  EXPECT_EQ(options[model_options::kType], "auto");
  ASSERT_TRUE(options.SetInt("max_batch_streams", 3).ok() && options.SetText("type", "q8").ok());
  EXPECT_EQ(options[model_options::kMaxBatchStreams], 3);
  EXPECT_EQ(options[model_options::kType], "q8");
}

TEST(OptionsTest, AKeyWithoutDefaultHasAnEmptyOneInTheListing) {
  EXPECT_EQ(OptionKey(convert_options::kEndToken).DefaultText(), "");
  EXPECT_EQ(OptionKey(convert_options::kName).DefaultText(), "");
  EXPECT_EQ(OptionKey(request_options::kTopP).DefaultText(), "0.85");
}

TEST(OptionsTest, ACopyIsIndependent) {
  Options options(SKEIN_OPTIONS_REQUEST);
  ASSERT_TRUE(options.SetInt("seed", 1).ok());
  const Options copy = options;
  ASSERT_TRUE(options.SetInt("seed", 2).ok());
  EXPECT_EQ(copy[request_options::kSeed], 1);
}

TEST(OptionsTest, UnknownKeyNamesTheKnownOnes) {
  Options options(SKEIN_OPTIONS_DESCRIBE);
  const absl::Status status = options.SetText("colour", "blue");
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("format, verify"));
}

TEST(OptionsTest, AnotherTypeIsRefusedButAnIntegerIsAReal) {
  Options options(SKEIN_OPTIONS_REQUEST);
  EXPECT_FALSE(options.SetText("seed", "1").ok());
  EXPECT_FALSE(options.SetReal("seed", 1.0).ok());
  EXPECT_TRUE(options.SetInt("temperature", 1).ok());
  EXPECT_EQ(options.Find(request_options::kTemperature), 1.0);
}

TEST(OptionsTest, OutOfRangeAndNanNameTheRange) {
  Options options(SKEIN_OPTIONS_REQUEST);
  EXPECT_THAT(std::string(options.SetReal("top_p", 1.5).message()), HasSubstr("0 to 1"));
  EXPECT_FALSE(options.SetReal("top_p", NAN).ok());
  EXPECT_FALSE(options.SetInt("max_tokens", 0).ok());
  EXPECT_TRUE(options.SetInt("seed", std::numeric_limits<int64_t>::min()).ok());
}

TEST(OptionsTest, AssignOverwritesOnlyWhatTheOtherHasSet) {
  Options base(SKEIN_OPTIONS_REQUEST);
  Options other(SKEIN_OPTIONS_REQUEST);
  ASSERT_TRUE(base.SetInt("seed", 1).ok() && base.SetInt("top_k", 2).ok() && other.SetInt("seed", 3).ok());
  base.Assign(other);
  EXPECT_EQ(base.Find(request_options::kSeed), 3);
  EXPECT_EQ(base.Find(request_options::kTopK), 2);
}

}  // namespace
}  // namespace skein
