#include "runtime/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace skein {
namespace {

using ::testing::HasSubstr;

TEST(OptionsTest, KeepsWhatWasSetAndNothingElse) {
  Options options(SKEIN_OPTIONS_REQUEST);
  ASSERT_TRUE(options.SetInt("seed", -5).ok());
  ASSERT_TRUE(options.SetReal("temperature", 0.5).ok());
  EXPECT_EQ(options.Int("seed"), -5);
  EXPECT_EQ(options.Real("temperature"), 0.5);
  EXPECT_FALSE(options.Int("top_k").has_value());
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
  EXPECT_EQ(options.Real("temperature"), 1.0);
}

TEST(OptionsTest, OutOfRangeAndNanNameTheRange) {
  Options options(SKEIN_OPTIONS_REQUEST);
  EXPECT_THAT(std::string(options.SetReal("top_p", 1.5).message()), HasSubstr("0 to 1"));
  EXPECT_FALSE(options.SetReal("top_p", NAN).ok());
  EXPECT_FALSE(options.SetInt("max_tokens", 0).ok());
}

TEST(OptionsTest, EveryKeyOfEveryKindHasTypeAndHelp) {
  for (uint32_t kind = SKEIN_OPTIONS_RUNTIME; kind <= SKEIN_OPTIONS_REQUEST; ++kind) {
    for (const OptionKey& key : OptionKeys(kind)) {
      EXPECT_GE(key.type, 1u) << key.name;
      EXPECT_LE(key.type, 3u) << key.name;
      EXPECT_LT(std::string(key.name).size(), sizeof(skein_option_info::key)) << key.name;
      EXPECT_LT(std::string(key.help).size(), sizeof(skein_option_info::help)) << key.name;
      EXPECT_GT(std::string(key.help).size(), 4u) << key.name;
    }
  }
}

TEST(OptionsTest, AssignOverwritesOnlyWhatTheOtherHasSet) {
  Options base(SKEIN_OPTIONS_REQUEST);
  Options other(SKEIN_OPTIONS_REQUEST);
  ASSERT_TRUE(base.SetInt("seed", 1).ok() && base.SetInt("top_k", 2).ok() && other.SetInt("seed", 3).ok());
  base.Assign(other);
  EXPECT_EQ(base.Int("seed"), 3);
  EXPECT_EQ(base.Int("top_k"), 2);
}

}  // namespace
}  // namespace skein
