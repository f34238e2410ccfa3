#include "serving/conversation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "skein/options.h"
#include "tests/unit/serving/serving_harness.h"

namespace skein {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

// The fake model names no template, has no telling name, and a vocabulary of bytes.
class ConversationTest : public test::ServingTest {
 protected:
  // `think` "" is the form of the template.
  static Options ChatOptions(const std::string& chat_template, const std::string& think = "") {
    Options options(SKEIN_OPTIONS_CHAT);
    EXPECT_TRUE(options.SetText("template", chat_template).ok());
    EXPECT_TRUE(options.SetText("think", think).ok());
    return options;
  }
};

TEST_F(ConversationTest, AModelWithoutATemplateNeedsTheNameOfOne) {
  EXPECT_EQ(FindModelChatTemplate(*model_), nullptr);
  const auto prompt = ChatPrompt(*model_, {{ChatRole::kUser, "hi"}}, Options(SKEIN_OPTIONS_CHAT));
  EXPECT_TRUE(absl::IsFailedPrecondition(prompt.status())) << prompt.status();
  EXPECT_THAT(prompt.status().message(), HasSubstr("name one of world, g1, raven, instruct"));
}

TEST_F(ConversationTest, TheTemplateThatIsNamedRendersTheMessages) {
  const auto prompt = ChatPrompt(*model_, {{ChatRole::kUser, " hi\n\n\nyou "}}, ChatOptions("world"));
  ASSERT_TRUE(prompt.ok()) << prompt.status();
  EXPECT_EQ(*prompt, "User: hi\nyou\n\nAssistant:");
  EXPECT_TRUE(absl::IsInvalidArgument(ChatPrompt(*model_, {}, ChatOptions("llama")).status()));
}

TEST_F(ConversationTest, ThinkingIsAskedForByItsNameWhereTheTemplateHasIt) {
  EXPECT_THAT(*ChatPrompt(*model_, {{ChatRole::kUser, "hi"}}, ChatOptions("world", "long")),
              testing::AllOf(HasSubstr("hi (think a lot)\n\n"), EndsWith("<think")));
  const auto raven = ChatPrompt(*model_, {{ChatRole::kUser, "hi"}}, ChatOptions("raven", "on"));
  EXPECT_TRUE(absl::IsInvalidArgument(raven.status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ChatPrompt(*model_, {}, ChatOptions("world", "hard")).status()));
}

TEST_F(ConversationTest, TheAssistantsTextMayBeAnyBytesAndNoOtherText) {
  const std::string half = std::string("a\xF0\x9F") + '\0';
  const auto prompt =
      ChatPrompt(*model_, {{ChatRole::kUser, "hi"}, {ChatRole::kAssistant, half}}, ChatOptions("world"));
  ASSERT_TRUE(prompt.ok()) << prompt.status();
  EXPECT_EQ(*prompt, "User: hi\n\nAssistant: a\uFFFD\uFFFD\n\n");
  const auto of_user = ChatPrompt(*model_, {{ChatRole::kSystem, "be"}, {ChatRole::kUser, half}}, ChatOptions("world"));
  EXPECT_TRUE(absl::IsInvalidArgument(of_user.status()));
  EXPECT_THAT(of_user.status().message(), HasSubstr("message 1"));
}

TEST_F(ConversationTest, ARequestGetsThePromptAndTheStopsOfTheTemplate) {
  const auto request = NewRequest(NewStream(), {}, 3);
  ASSERT_TRUE(SetChat(*request, {{ChatRole::kUser, "hi"}}, ChatOptions("world")).ok());
  const std::string prompt = "User: hi\n\nAssistant:";
  const std::vector<uint32_t> bytes(prompt.begin(), prompt.end());
  EXPECT_EQ(Run(request).tokens, Greedy(bytes, 3));
  const auto refused = NewRequest(NewStream(), {1}, 3);
  EXPECT_FALSE(SetChat(*refused, {{ChatRole::kUser, "\xFF"}}, ChatOptions("world")).ok());
  EXPECT_EQ(Run(refused).tokens, Greedy({1}, 3)) << "a call that fails changes nothing";
}

}  // namespace
}  // namespace skein
