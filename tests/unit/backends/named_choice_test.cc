#include "kit/named_choice.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <string>
#include <string_view>

namespace skein::kit {
namespace {

constexpr char kVariable[] = "SKEIN_NAMED_CHOICE_TEST";
constexpr std::array<std::string_view, 3> kNames = {"small", "medium", "large"};

class NamedChoiceTest : public testing::Test {
 protected:
  ~NamedChoiceTest() override { unsetenv(kVariable); }

  static NamedChoice With(const std::string& value) {
    setenv(kVariable, value.c_str(), 1);
    return NamedChoice(kVariable);
  }
};

TEST_F(NamedChoiceTest, NoValueAndAnEmptyOneAreNone) {
  EXPECT_FALSE(NamedChoice(kVariable).is_set());
  EXPECT_FALSE(With("").is_set());
}

TEST_F(NamedChoiceTest, ANameIsFoundByItsPlace) {
  EXPECT_TRUE(With("small").is_set());
  EXPECT_EQ(With("small").IndexIn(kNames), 0u);
  EXPECT_EQ(With("large").IndexIn(kNames), 2u);
}

TEST_F(NamedChoiceTest, AnythingElseIsNotFound) {
  for (const char* value : {"Small", "small ", "smal", "smaller", "0"}) {
    EXPECT_EQ(With(value).IndexIn(kNames), std::nullopt) << value;
  }
}

TEST_F(NamedChoiceTest, TheWarningListsTheNamesInOneLine) {
  EXPECT_EQ(With("huge\n\x1b[1m\xff").WarningOf(kNames),
            "SKEIN_NAMED_CHOICE_TEST: expected one of small, medium, large, found \"huge??[1m?\", which is ignored");
  EXPECT_LT(With(std::string(100000, 'x')).WarningOf(kNames).size(), 200u);
}

class NamedChoicesTest : public testing::Test {
 protected:
  ~NamedChoicesTest() override { unsetenv(kVariable); }

  static NamedChoices With(const std::string& value) {
    setenv(kVariable, value.c_str(), 1);
    return NamedChoices(kVariable);
  }
};

TEST_F(NamedChoicesTest, NoValueHasNoName) {
  EXPECT_FALSE(NamedChoices(kVariable).Has("small"));
  EXPECT_FALSE(With(",,").Has(""));
  EXPECT_EQ(With("").WarningOf(kNames), "");
}

TEST_F(NamedChoicesTest, NamesStandBetweenCommas) {
  const NamedChoices chosen = With("large,small");
  EXPECT_TRUE(chosen.Has("small"));
  EXPECT_TRUE(chosen.Has("large"));
  EXPECT_FALSE(chosen.Has("medium"));
  EXPECT_FALSE(chosen.Has("large,small"));
  EXPECT_EQ(chosen.WarningOf(kNames), "");
}

TEST_F(NamedChoicesTest, TheWarningHasTheNamesThatAreUnknown) {
  EXPECT_EQ(With("huge\n,small, large").WarningOf(kNames),
            "SKEIN_NAMED_CHOICE_TEST: expected names of small, medium, large with commas between them, found "
            "\"huge?, large\", which is ignored");
  EXPECT_LT(With(std::string(100000, 'x')).WarningOf(kNames).size(), 200u);
}

}  // namespace
}  // namespace skein::kit
