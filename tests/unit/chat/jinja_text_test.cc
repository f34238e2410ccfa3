#include "chat/jinja_text.h"

#include <gtest/gtest.h>

#include <string>

namespace skein {
namespace {

TEST(JinjaTextTest, PlainTextAndLiteralsAreWritten) {
  EXPECT_EQ(CertainJinjaText("a {{ 'b' }}{{- \"c\" + x | trim + 'd' -}} e{# not this #}{"), "a bcd e{");
  EXPECT_EQ(CertainJinjaText(R"({{ 'one\ntwo\'s\t\\' }})"), "one\ntwo's\t\\");
  EXPECT_EQ(CertainJinjaText("{{ '}} and %}' }}{% set a = '%}' %}b"), "}} and %}b");
}

TEST(JinjaTextTest, LoopsMacrosAndBracketsAreNot) {
  EXPECT_EQ(CertainJinjaText("{% for m in messages %}a{% if m %}b{% else %}c{% endif %}{% else %}d{% endfor %}e"), "e");
  EXPECT_EQ(CertainJinjaText("{% macro f(x) %}a{% endmacro %}{% set y %}b{% endset %}{{ f('c') }}{{ x['d'] }}e"), "e");
}

TEST(JinjaTextTest, AHostThatAsksForAnAnswerSetsNothingElse) {
  const auto under = [](const std::string& condition) {
    return CertainJinjaText("{% if " + condition + " %}yes{% else %}no{% endif %}");
  };
  for (const char* condition :
       {"add_generation_prompt", "add_generation_prompt is defined", "not enable_thinking", "x is undefined",
        "x is not defined", "x is not defined or x", "add_generation_prompt and not (tools or x)", "x is not true",
        "add_generation_prompt == true", "x != false", "x != 'low'", "not not true", "messages and True",
        "not false == true"}) {
    EXPECT_EQ(under(condition), "yes") << condition;
  }
  for (const char* condition :
       {"enable_thinking", "enable_thinking is defined", "x is defined and x is false", "x == true", "x is true",
        "not add_generation_prompt", "x == 'high'", "false", "none", "x is false"}) {
    EXPECT_EQ(under(condition), "no") << condition;
  }
  for (const char* condition :
       {"messages[0].role == 'user'", "x | default(true)", "x.y", "x in y", "'a'", "", "bos_token", "x is",
        "x is string", "((((", "(x", "x ==", "not", "1 < 2", "loop.last", "x == y or messages[0]"}) {
    EXPECT_EQ(under(condition), "") << condition;
  }
}

TEST(JinjaTextTest, BranchesExcludeEachOther) {
  const std::string branches = "{% if x %}a{% elif add_generation_prompt %}b{% elif true %}c{% else %}d{% endif %}";
  EXPECT_EQ(CertainJinjaText(branches), "b");
  EXPECT_EQ(CertainJinjaText("{% if x.y %}a{% elif true %}b{% else %}c{% endif %}d"), "d");
  EXPECT_EQ(CertainJinjaText("{% if true %}{% if x %}a{% else %}b{% endif %}c{% endif %}"), "bc");
}

TEST(JinjaTextTest, AConditionInsideAnExpressionChooses) {
  EXPECT_EQ(CertainJinjaText("{{ 'a' if x else 'b' }}"), "b");
  EXPECT_EQ(CertainJinjaText("{{ 'a' if x }}"), "");
  EXPECT_EQ(CertainJinjaText("{{ 'a' if add_generation_prompt else 'b' }}"), "a");
  EXPECT_EQ(CertainJinjaText("{{ 'a' if x else 'b' if y else 'c' }}"), "c");
  EXPECT_EQ(CertainJinjaText("{{ 'a' if x.y else 'b' }}"), "");
  EXPECT_EQ(CertainJinjaText("{{ 'a' + ('b' if x else 'c') }}"), "a");
}

TEST(JinjaTextTest, VariablesKeepWhatTheyAreSetTo) {
  EXPECT_EQ(CertainJinjaText("{% if x is not defined %}{% set x = true %}{% endif %}{% if x %}a{% endif %}"), "a");
  EXPECT_EQ(CertainJinjaText("{% set x = messages[0] %}{% if x %}a{% else %}b{% endif %}c"), "c");
  EXPECT_EQ(CertainJinjaText("{% if m.n %}{% set x = true %}{% endif %}{% if x %}a{% else %}b{% endif %}c"), "c");
  EXPECT_EQ(CertainJinjaText("{% set ns.x = true %}{% if x %}a{% else %}b{% endif %}"), "b");
  EXPECT_EQ(CertainJinjaText("{% set add_generation_prompt = false %}{% if add_generation_prompt %}a{% endif %}"), "");
}

TEST(JinjaTextTest, AnyBytesAreTaken) {
  for (const char* source : {"{{", "{%", "{#", "{{ '", "{{ 'a\\", "{% if", "{% endif %}{% else %}{% endfor %}a", "{",
                             "}}", "{% \xff %}", "{{ \xc3 }}", "{% if a %}", "{{}}", "{%%}", "{% elif %}"}) {
    CertainJinjaText(source);
  }
  EXPECT_EQ(CertainJinjaText("{% endif %}{% endfor %}a"), "a");
  EXPECT_EQ(CertainJinjaText("{% generation %}a{% endgeneration %}{% raw %}b"), "ab");
  std::string deep = "{% if ";
  for (int i = 0; i < 100000; ++i) deep += "(";
  EXPECT_EQ(CertainJinjaText(deep + "a %}b{% endif %}c"), "c");
  std::string long_chain = "{{ 'a'";
  for (int i = 0; i < 50000; ++i) long_chain += " if x else 'b'";
  EXPECT_EQ(CertainJinjaText(long_chain + " }}"), "b");
  EXPECT_EQ(CertainJinjaText(std::string((1 << 20) + 1, 'a')), "");
}

}  // namespace
}  // namespace skein
