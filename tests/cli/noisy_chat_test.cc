// `skein chat` over models that write bytes without sense: half characters, NUL, control characters, noise.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/cli/byte_model.h"
#include "tests/cli/terminal.h"
#include "tests/cli/tool_process.h"

namespace skein {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::vector<std::string> ChatWith(const ByteModel& model, const std::vector<std::string>& more) {
  std::vector<std::string> words = {"chat", "-m", model.path, "--tokenizer", model.vocabulary, "--device", "reference"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

class NoisyChatTest : public testing::Test {
 protected:
  // Of a chat in which the model says `byte` `num_times` for each message.
  ToolResult Run(unsigned char byte, const std::string& num_times, const std::string& input) const {
    return RunTool(ChatWith(WriteByteModel(folder_, byte), {"--temp", "0", "-n", num_times}), input);
  }
  std::map<std::string, std::string> Environment() const {
    return {{"XDG_STATE_HOME", folder_.Path("state-home")}, {"TERM", "xterm"}, {"HOME", folder_.Path("home")}};
  }

  const TestFolder folder_;
};

std::string TokensText(const std::string& text) { return ": " + std::to_string(text.size()) + " tokens)"; }

TEST_F(NoisyChatTest, HalfACharacterIsATurnAndReadAsTheReplacementCharacter) {
  const std::string state = folder_.Path("state");
  const ToolResult result = Run(0xF0, "1", "hi\nagain\n/retry\n/save " + state + "\n/load " + state + "\nmore\n");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "\xF0\n\xF0\n\xF0\n\xF0\n");
  EXPECT_THAT(result.err, AllOf(Not(HasSubstr("skein:")), Not(HasSubstr("no answer"))));
  EXPECT_THAT(result.err,
              HasSubstr(TokensText("User: hi\n\nAssistant: \uFFFD\n\nUser: again\n\nAssistant: \uFFFD\n\n")));
}

TEST_F(NoisyChatTest, AnswersOfAnyByteGoOn) {
  for (const unsigned byte : {0x00, 0x01, 0x04, 0x1B, 0x22, 0x7F, 0x80, 0xBF, 0xC0, 0xC3, 0xE2, 0xED, 0xF4, 0xFF}) {
    std::string said(3, static_cast<char>(byte));
    said.push_back('\n');
    const ToolResult result = Run(static_cast<unsigned char>(byte), "3", "hi\nagain\n");
    EXPECT_EQ(result.exit_code, 0) << byte << result.err;
    EXPECT_EQ(result.out, said + said) << byte;
    EXPECT_THAT(result.err, AllOf(Not(HasSubstr("skein:")), Not(HasSubstr("no answer")))) << byte;
  }
}

TEST_F(NoisyChatTest, WhatFollowsAnEmptyThinkBlockIsATurn) {
  const std::string state = folder_.Path("state");
  const ToolResult result =
      RunTool(ChatWith(WriteByteModel(folder_, 'x'), {"-n", "1", "--temp", "0", "--think", "off"}),
              "hi\n/save " + state + "\n/load " + state + "\n");
  EXPECT_EQ(result.out, "x\n");
  EXPECT_THAT(result.err, AllOf(Not(HasSubstr("no answer")), HasSubstr(TokensText("User: hi\n\nAssistant: x\n\n"))));
}

TEST_F(NoisyChatTest, AnAnswerWithoutTextIsToldAndItsMessageDoesNotCount) {
  const std::string state = folder_.Path("state");
  const ToolResult result = Run(' ', "3", "hi\n/retry\n/save " + state + "\n/load " + state + "\n");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "\n\n");
  EXPECT_THAT(result.err, AllOf(HasSubstr("(no answer: the message does not count)"), HasSubstr(": 0 tokens)")));
}

TEST_F(NoisyChatTest, FiftyTurnsOfNoiseThroughAPipe) {
  const std::string state = folder_.Path("state");
  std::string input;
  for (int turn = 0; turn < 50; ++turn) input.append("turn ").append(std::to_string(turn)).append("\n");
  input += "/retry\n/save " + state + "\n/load " + state + "\nlast\n";
  const ToolResult result =
      RunTool(ChatWith(WriteNoiseModel(folder_), {"-n", "40", "--ignore-end", "--top-p", "1"}), input);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, AllOf(Not(HasSubstr("skein:")), Not(HasSubstr("no answer")), HasSubstr("(loaded ")));
  EXPECT_GT(result.out.size(), 52u * 38);
}

TEST_F(NoisyChatTest, FiftyTurnsOfNoiseAtATerminal) {
  const std::string state = folder_.Path("state");
  Terminal terminal(ChatWith(WriteNoiseModel(folder_), {"-n", "40", "--ignore-end", "--top-p", "1"}), Environment());
  for (int turn = 0; turn < 50; ++turn) {
    terminal.Type("turn " + std::to_string(turn) + "\n");
    const std::string screen = terminal.Expect("(cut after 40 tokens");
    EXPECT_THAT(screen, Not(HasSubstr("skein:"))) << turn;
    EXPECT_EQ(screen.find('\0'), std::string::npos);
    EXPECT_EQ(screen.find('\x05'), std::string::npos);  // a terminal would answer
  }
  terminal.Type("/retry\n");
  terminal.Expect("(cut after 40 tokens");
  terminal.Type("/save " + state + "\n");
  terminal.Expect("(saved ");
  terminal.Type("/load " + state + "\n");
  terminal.Expect("(loaded ");
  terminal.Type("/quit\n");
  EXPECT_EQ(terminal.Wait(), 0);
}

TEST_F(NoisyChatTest, ControlCInsideNoiseKeepsTheTurn) {
  Terminal terminal(ChatWith(WriteNoiseModel(folder_), {"-n", "100000000", "--ignore-end"}), Environment());
  terminal.Expect("Ctrl-D ends.");
  for (int turn = 0; turn < 3; ++turn) {
    terminal.Type(turn == 1 ? "/retry\n" : "go on\n");
    terminal.Expect("\uFFFD");
    terminal.Type("\x03");
    terminal.Expect("(stopped)");
  }
  terminal.Type("/save " + folder_.Path("state") + "\n");
  EXPECT_THAT(terminal.Expect("(saved "), Not(HasSubstr("skein:")));
  terminal.Type("/quit\n");
  EXPECT_EQ(terminal.Wait(), 0);
}

}  // namespace
}  // namespace skein
