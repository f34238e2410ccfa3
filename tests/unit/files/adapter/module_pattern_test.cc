#include "files/adapter/module_pattern.h"

#include <gtest/gtest.h>

namespace skein {
namespace {

bool Fits(const std::string& pattern, const std::string& module) {
  const auto made = MakeModulePattern(pattern, 7);
  EXPECT_TRUE(made.ok()) << pattern << ": " << made.status();
  return made.ok() && FindPattern({*made}, module) == std::optional<double>(7);
}

TEST(ModulePatternTest, ANameFitsTheEndOfAModule) {
  for (const char* pattern : {"key", "att.key", "0.att.key", "blocks.0.att.key"}) {
    EXPECT_TRUE(Fits(pattern, "blocks.0.att.key")) << pattern;
  }
  for (const char* pattern : {"ey", "blocks.0.att", "att.value", "x.blocks.0.att.key", ""}) {
    EXPECT_FALSE(Fits(pattern, "blocks.0.att.key")) << pattern;
  }
}

TEST(ModulePatternTest, ANameIsARegularExpressionToo) { EXPECT_TRUE(Fits("blocks.0.att.k.y", "blocks_0.att.key")); }

TEST(ModulePatternTest, ExpressionsFitAsPythonWouldHaveIt) {
  for (const char* pattern : {"(key|value)", "blocks\\.[01]\\.att\\..*", "^blocks.0.att.key", ".*att.*", "at+\\.k\\w+",
                              "blocks\\.\\d+\\.att\\.key$"}) {
    EXPECT_TRUE(Fits(pattern, "blocks.0.att.key")) << pattern;
  }
  for (const char* pattern : {"(ey|value)", "^att.key", "blocks\\.[12]\\.att\\..*", "att", "at\\b"}) {
    EXPECT_FALSE(Fits(pattern, "blocks.0.att.key")) << pattern;
  }
}

TEST(ModulePatternTest, TheFirstThatFitsCounts) {
  const std::vector<ModulePattern> patterns = {*MakeModulePattern("value", 1), *MakeModulePattern("att.*", 2),
                                               *MakeModulePattern("key", 3)};
  EXPECT_EQ(FindPattern(patterns, "blocks.0.att.key"), std::optional<double>(2));
  EXPECT_EQ(FindPattern(patterns, "blocks.0.ffn.key"), std::optional<double>(3));
  EXPECT_EQ(FindPattern(patterns, "head"), std::nullopt);
}

TEST(ModulePatternTest, WhatIsNoPatternOfNamesIsRefused) {
  for (const std::string& text : {std::string("("), std::string("a{1000}"), std::string("(?=a)"), std::string("[z-a]"),
                                  std::string("(a)\\1"), std::string(300, '*') + "("}) {
    EXPECT_TRUE(absl::IsInvalidArgument(MakeModulePattern(text, 1).status())) << text;
  }
}

// With backtracking this would take longer than the universe is old.
TEST(ModulePatternTest, NoPatternTakesLong) { EXPECT_FALSE(Fits("((a*)*)*b", std::string(500, 'a'))); }

TEST(ModulePatternTest, DeepNestingIsHarmless) {
  EXPECT_TRUE(Fits(std::string(120, '(') + "a*" + std::string(120, ')'), "aaa"));
}

}  // namespace
}  // namespace skein
