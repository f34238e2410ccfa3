#include "plugin/message.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace skein {
namespace {

skein_message Message(const std::string& text) {
  skein_message message;
  std::memset(message.text, '#', sizeof(message.text));  // where a reader that goes too far ends up
  std::copy_n(text.data(), std::min(text.size(), sizeof(message.text)), message.text);
  if (text.size() < sizeof(message.text)) message.text[text.size()] = '\0';
  return message;
}

TEST(FromPluginTest, KeepsCodeAndMessageAndNamesThePlugin) {
  EXPECT_TRUE(FromPlugin(SKEIN_OK, Message("ignored"), "odd").ok());
  const absl::Status status = FromPlugin(SKEIN_DATA_LOSS, Message("line 3"), "odd");
  EXPECT_EQ(status, absl::DataLossError("odd: line 3"));
  EXPECT_EQ(FromPlugin(SKEIN_DATA_LOSS, Message(""), "odd"), absl::DataLossError("odd: gave no reason"));
}

TEST(FromPluginTest, AMessageWithoutItsNulEndsWithItsArray) {
  const std::string text(2000, 'x');
  EXPECT_EQ(FromPlugin(SKEIN_INTERNAL, Message(text), "odd").message(), "odd: " + text.substr(0, 1024));
}

TEST(FromPluginTest, AMessageThatEndsInsideACharacterEndsBeforeIt) {
  const std::string text = std::string(1023, 'x') + "\u00E9";
  EXPECT_EQ(FromPlugin(SKEIN_INTERNAL, Message(text), "odd").message(), "odd: " + text.substr(0, 1023));
}

TEST(FromPluginTest, BytesThatAreNoUtf8AreReplaced) {
  EXPECT_EQ(FromPlugin(SKEIN_INTERNAL, Message("a\xFF\xC3(b"), "odd").message(), "odd: a\uFFFD\uFFFD(b");
}

TEST(FromPluginTest, ACodeThatIsNoFailureOfAPluginIsAFaultOfThePlugin) {
  EXPECT_EQ(FromPlugin(SKEIN_CANCELLED, Message("tired"), "odd"),
            absl::InternalError("odd: returned CANCELLED, which is no failure of a plugin: tired"));
  EXPECT_EQ(FromPlugin(SKEIN_DEADLINE_EXCEEDED, Message(""), "odd"),
            absl::InternalError("odd: returned DEADLINE_EXCEEDED, which is no failure of a plugin: gave no reason"));
  EXPECT_EQ(FromPlugin(SKEIN_UNAUTHENTICATED, Message("who?"), "odd").code(), absl::StatusCode::kInternal);
}

TEST(FromPluginTest, ACodeThatIsUnknownIsAFaultOfThePlugin) {
  for (const int32_t code : {-1, 17, SKEIN_INVALID_HANDLE, 1 << 30}) {
    EXPECT_EQ(FromPlugin(code, Message("what"), "odd"),
              absl::InternalError("odd: returned unknown code " + std::to_string(code) + ": what"));
  }
}

TEST(EndTextTest, EndsAndCleansAnArrayInPlace) {
  char full[4] = {'a', 'b', 'c', 'd'};
  EndText(full);
  EXPECT_STREQ(full, "abc");
  char accent[4] = {'a', 'b', '\xC3', '\xA9'};
  EndText(accent);
  EXPECT_STREQ(accent, "ab");
  char bad[6] = {'a', '\xFF', 'b', '\0', 'c', 'd'};
  EndText(bad);
  EXPECT_STREQ(bad, "a\uFFFDb");
  char bad_and_full[4] = {'a', 'b', '\xFF', '\0'};
  EndText(bad_and_full);
  EXPECT_STREQ(bad_and_full, "ab");
}

TEST(TextAtTest, NullIsNoText) {
  EXPECT_EQ(TextAt(nullptr), "");
  EXPECT_EQ(TextAt("1.0\xFF"), "1.0\uFFFD");
}

}  // namespace
}  // namespace skein
