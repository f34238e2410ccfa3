// `skein chat`, through a pipe and at a terminal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "tests/cli/phrase_model.h"
#include "tests/cli/terminal.h"
#include "tests/cli/tool_process.h"

namespace skein {
namespace {

using testing::HasSubstr;
using testing::Not;

std::vector<std::string> Joined(std::vector<std::string> words, const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

// --- a model with a known end of its turn ---

class PhraseChatTest : public testing::Test {
 protected:
  PhraseChatTest() : model_(WritePhraseModel(folder_)) {}

  std::vector<std::string> Chat(const std::vector<std::string>& more = {}) const {
    return Joined({"chat", "-m", model_.path, "--tokenizer", model_.vocabulary, "--device", "reference"}, more);
  }
  ToolResult Run(const std::vector<std::string>& more, const std::string& input) const {
    return RunTool(Chat(more), input);
  }

  const TestFolder folder_;
  const PhraseModel model_;
};

TEST_F(PhraseChatTest, AnAnswerEndsWithTheModelsTurn) {
  const ToolResult result = Run({"--temp", "0"}, "Hello\nHow are you?\n");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "Peace be with you.\nPeace be with you.\n");
  EXPECT_EQ(result.err, "");
}

TEST_F(PhraseChatTest, ThoughtsAreShownWhereTheyAreAskedFor) {
  EXPECT_EQ(Run({"--temp", "0", "--think", "on"}, "Hello\n").out, "<think>\nHm.</think>\n Peace be with you.\n");
  EXPECT_EQ(Run({"--temp", "0", "--think", "off"}, "Hello\n").out, "Peace be with you.\n");
  EXPECT_EQ(Run({"--temp", "0", "--template", "g1"}, "/think none\nHello\n/think off\nHello\n/think on\nHello\n").out,
            "Peace be with you.\nPeace be with you.\n<think>\nHm.</think>\n Peace be with you.\n");
}

TEST_F(PhraseChatTest, ShortAndLongThoughtsAreAskedForWithTheMessage) {
  const std::string state = folder_.Path("state");
  const std::string kept = "/save " + state + "\n/load " + state + "\n";
  EXPECT_EQ(Run({"--temp", "0", "--think", "short"}, "Hello\n/think long\nHello\n").out,
            "<think>\nHm.</think>\n Peace be with you.\n<think>\nHm.</think>\n Peace be with you.\n");
  // The stream reads the turn as it reads those without thoughts: the words are not part of the message.
  const ToolResult plain = Run({"--temp", "0"}, "Hello\n" + kept);
  const ToolResult thought = Run({"--temp", "0", "--think", "long"}, "Hello\n" + kept);
  EXPECT_THAT(thought.err, HasSubstr(" tokens)"));
  EXPECT_EQ(thought.err, plain.err);
}

TEST_F(PhraseChatTest, AThoughtThatWasCutIsNoTurn) {
  const ToolResult result = Run({"--temp", "0", "--think", "on", "-n", "2"},
                                "Hello\n/save " + folder_.Path("state") + "\n/load " + folder_.Path("state") + "\n");
  EXPECT_EQ(result.out, "<think>\nHm.\n");
  EXPECT_THAT(result.err, HasSubstr("(cut after 2 tokens"));
  EXPECT_THAT(result.err, HasSubstr(": 0 tokens)"));
}

TEST_F(PhraseChatTest, RetryDrawsAgain) {
  const ToolResult result = Run({}, "Hello\n/retry\n/retry\n/retry\n/retry\n/retry\n/retry\n/retry\n/retry\n/retry\n");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("Peace be with you.\n"));
  EXPECT_THAT(result.out, HasSubstr("Grace be with you.\n"));
}

TEST_F(PhraseChatTest, OwnStopsCountBesideTheTemplates) {
  EXPECT_EQ(Run({"--temp", "0", "--stop", " with"}, "Hello\n").out, "Peace be\n");
}

TEST_F(PhraseChatTest, ALineThatEndsInABackslashGoesOn) {
  const std::string state = folder_.Path("state");
  const auto tokens_of = [&](const std::string& message) {
    return Run({"--temp", "0"}, message + "\n/save " + state + "\n/load " + state + "\n").err;
  };
  // "User:", " ", "a", "\n", "b", "\n\n", "Assistant:", " Peace", " be with you.", "\n\n"
  EXPECT_THAT(tokens_of("a\\\nb"), HasSubstr(": 10 tokens)"));
  EXPECT_THAT(tokens_of("ab"), HasSubstr(": 9 tokens)"));
}

TEST_F(PhraseChatTest, WhatGoesWrongIsToldAndTheChatGoesOn) {
  const ToolResult result =
      Run({"--temp", "0"}, "/retry\n/undo\n/undo x\n/edit Hi\n/branch main\n/foo\n/helpp\n/load\n/load " +
                               folder_.Path("none") + "\n/load " + model_.vocabulary +
                               "\n/save /nonexistent/state\n/think maybe\n/quit now\nHello\n");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.out, "Peace be with you.\n");
  for (const char* what : {"no message to answer again", "exchanges to take back: found 0, expected at least 1",
                           "expected a number of exchanges, found x", "no message to edit", "this is the branch main",
                           "unknown command /foo", "did you mean /help?", "/load needs FILE", "none: cannot be opened",
                           "phrase_vocabulary.txt: snapshot", "/nonexistent/state: cannot be written",
                           "think \"maybe\"", "/quit takes nothing"}) {
    EXPECT_THAT(result.err, HasSubstr(what));
  }
}

TEST_F(PhraseChatTest, QuitEndsAndEmptyLinesSayNothing) {
  EXPECT_EQ(Run({"--temp", "0"}, "\n  \n/help\nHello\n/quit\nHello\n").out, "Peace be with you.\n");
}

TEST_F(PhraseChatTest, WrongUsageIsToldBeforeTheFirstMessage) {
  const ToolResult unknown = Run({"--template", "chatml"}, "Hello\n");
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("\"chatml\": no such template; expected world, g1"));
  EXPECT_EQ(Run({"--template", "raven", "--think", "on"}, "Hello\n").exit_code, 2);
  const ToolResult textless = RunTool({"chat", "-m", model_.path}, "Hello\n");
  EXPECT_EQ(textless.exit_code, 1);
  EXPECT_THAT(textless.err, HasSubstr("the model has no tokenizer: "));
  EXPECT_THAT(textless.err, HasSubstr("; --tokenizer FILE"));
}

// --- the model in the box, whose state depends on every byte; its tokens are bytes ---

class ChatTest : public testing::Test {
 protected:
  std::vector<std::string> Chat(const std::vector<std::string>& more) const {
    return Joined({"chat", "-m", SKEIN_DEMO_MODEL, "--template", "world", "--ignore-end"}, more);
  }
  // The text that the model writes behind `prompt`, as chat shows it.
  static std::string Completed(const std::string& prompt) {
    std::string text =
        RunTool({"run", "-m", SKEIN_DEMO_MODEL, "-p", prompt, "--temp", "0", "-n", "30", "--ignore-end"}).out;
    return Stripped(text);
  }
  static std::string Stripped(const std::string& text) {
    const size_t start = text.find_first_not_of(" \n");
    return start == std::string::npos ? "" : text.substr(start, text.find_last_not_of(" \n") + 1 - start);
  }
  // The lines of a chat's stdout, one an answer.
  static std::vector<std::string> Answers(const std::string& out) {
    std::vector<std::string> answers;
    for (size_t at = 0; at < out.size();) {
      const size_t end = std::min(out.find('\n', at), out.size());  // an answer that failed has no newline
      answers.push_back(out.substr(at, end - at));
      at = end + 1;
    }
    return answers;
  }

  const TestFolder folder_;
};

TEST_F(ChatTest, EveryTurnIsReadAsTheTemplateWritesIt) {
  const ToolResult result =
      RunTool(Chat({"--temp", "0", "-n", "30", "--system", "Be wise."}), "Who is he?\nWhere is he?\n");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::string first = "System: Be wise.\n\nUser: Who is he?\n\nAssistant:";
  const std::string answer = Completed(first);
  const std::string second = Completed(first + " " + answer + "\n\nUser: Where is he?\n\nAssistant:");
  EXPECT_EQ(result.out, answer + "\n" + second + "\n");
}

TEST_F(ChatTest, ARetriedAnswerReplacesTheFirst) {
  const std::vector<std::string> answers =
      Answers(RunTool(Chat({"--temp", "0", "-n", "30"}), "Who is he?\n/retry\nWhere is he?\n").out);
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers[0], answers[1]);  // greedy: the seed is of no effect
  EXPECT_EQ(answers[2],
            Completed("User: Who is he?\n\nAssistant: " + answers[1] + "\n\nUser: Where is he?\n\nAssistant:"));
}

TEST_F(ChatTest, ResetBeginsAnewWithTheSystemText) {
  const std::vector<std::string> answers =
      Answers(RunTool(Chat({"--temp", "0", "-n", "30"}),
                      "/system Be wise.\nWho?\nWhere?\n/reset\nWho?\n/system\n/reset\nWho?\n")
                  .out);
  ASSERT_EQ(answers.size(), 4u);
  EXPECT_EQ(answers[0], answers[2]);
  EXPECT_EQ(answers[2], Completed("System: Be wise.\n\nUser: Who?\n\nAssistant:"));
  EXPECT_EQ(answers[3], Completed("User: Who?\n\nAssistant:"));
}

TEST_F(ChatTest, UndoneExchangesWereNeverRead) {
  const std::vector<std::string> options = {"--temp", "0", "-n", "30"};
  const std::vector<std::string> plain = Answers(RunTool(Chat(options), "Who is he?\nWhere is he?\n").out);
  const ToolResult undone =
      RunTool(Chat(options), "Who is he?\nWhat now?\nAnd then?\n/undo 2\nWhere is he?\n/undo\nWhere is he?\n");
  const std::vector<std::string> answers = Answers(undone.out);
  ASSERT_EQ(answers.size(), 5u);
  EXPECT_EQ(answers[3], plain.at(1));
  EXPECT_EQ(answers[4], plain.at(1));
  EXPECT_THAT(undone.err, HasSubstr("(took back 2 exchanges: 0 tokens read again, "));
  EXPECT_THAT(undone.err, HasSubstr("(took back 1 exchange: 0 tokens read again, "));
}

TEST_F(ChatTest, UndoingTheFirstExchangeBringsTheSystemTextBack) {
  const std::vector<std::string> answers =
      Answers(RunTool(Chat({"--temp", "0", "-n", "30", "--system", "Be wise."}), "Who?\n/undo\nWhere?\n").out);
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[1], Completed("System: Be wise.\n\nUser: Where?\n\nAssistant:"));
}

TEST_F(ChatTest, AnEditedMessageTakesThePlaceOfTheLast) {
  const ToolResult result =
      RunTool(Chat({"--temp", "0", "-n", "30"}), "Who is he?\nWhat?\n/edit Where is he?\n/retry\n");
  const std::vector<std::string> answers = Answers(result.out);
  ASSERT_EQ(answers.size(), 4u);
  EXPECT_EQ(answers[2],
            Completed("User: Who is he?\n\nAssistant: " + answers[0] + "\n\nUser: Where is he?\n\nAssistant:"));
  EXPECT_EQ(answers[3], answers[2]) << "it is the last message now";
}

TEST_F(ChatTest, BranchesGoOnWhereTheyWereLeft) {
  const std::vector<std::string> options = {"--temp", "0", "-n", "30"};
  const ToolResult result = RunTool(Chat(options),
                                    "Who is he?\n/branch other\nWhen?\n/branch main\nWhere is he?\n/tree\n"
                                    "/branch other\nAnd then?\n");
  const std::vector<std::string> answers = Answers(result.out);
  ASSERT_EQ(answers.size(), 4u);
  const std::string first = "User: Who is he?\n\nAssistant: " + answers[0] + "\n\n";
  EXPECT_EQ(answers[2], Completed(first + "User: Where is he?\n\nAssistant:"));
  EXPECT_EQ(answers[3],
            Completed(first + "User: When?\n\nAssistant: " + answers[1] + "\n\nUser: And then?\n\nAssistant:"));
  EXPECT_THAT(result.err, HasSubstr("(branch other, "));
  EXPECT_THAT(result.err, HasSubstr("1. User: Who is he? Assistant: "));
  EXPECT_THAT(result.err, HasSubstr("\n  2. User: When? Assistant: "));
  EXPECT_THAT(result.err, HasSubstr("\n  2. User: Where is he? Assistant: "));
  EXPECT_THAT(result.err, HasSubstr("[*main]"));
}

TEST_F(ChatTest, ASavedConversationGoesOnInAnotherProcess) {
  const std::string state = folder_.Path("a state");
  const std::vector<std::string> options = {"--temp", "0", "-n", "30"};
  const std::vector<std::string> whole = Answers(RunTool(Chat(options), "Who?\n/save " + state + "\nWhere?\n").out);
  ASSERT_EQ(whole.size(), 2u);
  EXPECT_EQ(Answers(RunTool(Chat(options), "Something else\n/load " + state + "\nWhere?\n").out).at(1), whole[1]);
  EXPECT_EQ(Answers(RunTool(Chat(Joined(options, {"--system", "x"})), "/load " + state + "\nWhere?\n").out).at(0),
            whole[1]);
}

TEST_F(ChatTest, ExchangesOfASavedConversationAreTakenBackInAnotherProcess) {
  const std::string state = folder_.Path("state");
  const std::vector<std::string> options = {"--temp", "0", "-n", "30"};
  const std::vector<std::string> plain = Answers(RunTool(Chat(options), "Who is he?\nWhere is he?\n").out);
  ASSERT_EQ(RunTool(Chat(options), "Who is he?\nWhat?\n/save " + state + "\n").exit_code, 0);
  const ToolResult result = RunTool(Chat(options), "/load " + state + "\n/tree\n/undo\nWhere is he?\n/undo 2\n");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(Answers(result.out).at(0), plain.at(1));
  EXPECT_THAT(result.err, HasSubstr("\n2. User: What? Assistant: "));
  EXPECT_THAT(result.err, HasSubstr("(took back 2 exchanges: 0 tokens read again, "));
}

TEST_F(ChatTest, AnInterruptedAnswerIsTheModelsTurn) {
  const std::string state = folder_.Path("state");
  ToolProcess tool(SKEIN_TOOL, Chat({"-n", "100000000"}), "Who?\n/save " + state + "\n/load " + state + "\n");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (tool.OutputSoFar().size() < 20 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  kill(tool.id(), SIGINT);
  const ToolResult result = tool.Wait();
  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::string said;  // as it is read: runs of newlines are one
  for (const char c : Stripped(result.out)) {
    if (c != '\n' || said.back() != '\n') said.push_back(c);
  }
  const size_t num_bytes = ("User: Who?\n\nAssistant: " + said + "\n\n").size();
  EXPECT_THAT(result.err, HasSubstr(": " + std::to_string(num_bytes) + " tokens)"));
}

TEST_F(ChatTest, AModelWithoutTemplateAsksForOne) {
  const ToolResult result = RunTool({"chat", "-m", SKEIN_DEMO_MODEL}, "Hello\n");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("no chat template is known for this model; name one of world, g1, raven, instruct "
                                    "with --template"));
}

// --- at a terminal ---

constexpr char kControlC[] = "\x03";
constexpr char kControlD[] = "\x04";
constexpr char kLeft[] = "\x1b[D";
constexpr char kUp[] = "\x1b[A";
constexpr char kBackspace[] = "\x7f";

class ChatTerminalTest : public ChatTest {
 protected:
  // In a locale that does not say UTF-8, and with a history of its own.
  std::map<std::string, std::string> Environment() const {
    return {{"XDG_STATE_HOME", folder_.Path("state-home")},
            {"TERM", "xterm"},
            {"LC_ALL", "C"},
            {"HOME", folder_.Path("home")}};
  }
};

TEST_F(ChatTerminalTest, ControlCStopsTheAnswerAndTheChatGoesOn) {
  Terminal terminal(Chat({"-n", "100000000"}), Environment());
  terminal.Expect("> ");
  terminal.Type("Who?\n");
  terminal.Expect("Who?");
  terminal.Expect(" the ");
  terminal.Type(kControlC);
  terminal.Expect("(stopped)");
  terminal.Expect("> ");
  terminal.Type("/help\n");
  terminal.Expect("Ctrl-C stops an answer.");
  terminal.Expect("> ");
  terminal.Type("/quit\n");
  EXPECT_EQ(terminal.Wait(), 0);
}

TEST_F(ChatTerminalTest, ControlCTwiceOrControlDEnds) {
  Terminal twice(Chat({}), Environment());
  twice.Expect("> ");
  twice.Type("half a line");
  twice.Expect("half a line");
  twice.Type(kControlC);
  twice.Expect("once more");
  twice.Expect("> ");
  twice.Type(kControlC);
  EXPECT_EQ(twice.Wait(), 0);

  Terminal end(Chat({}), Environment());
  end.Expect("> ");
  end.Type(kControlD);
  EXPECT_EQ(end.Wait(), 0);
}

TEST_F(ChatTerminalTest, ALineCanBeEditedByCharacters) {
  Terminal terminal(Chat({}), Environment());
  terminal.Expect("> ");
  // One key takes one character away, however many bytes it has.
  terminal.Type(std::string("/syst\u00E9em \u65E5") + kLeft + kLeft + kLeft + kLeft + kBackspace + "\n");
  EXPECT_THAT(terminal.Expect("> "), Not(HasSubstr("unknown command")));
  terminal.Type("/hexlp" + std::string(kLeft) + kLeft + kBackspace + "\n");
  EXPECT_THAT(terminal.Expect("Ctrl-C stops an answer."), Not(HasSubstr("unknown command")));
  terminal.Expect("> ");
  terminal.Type(kControlD);
  EXPECT_EQ(terminal.Wait(), 0);
}

TEST_F(ChatTerminalTest, EarlierLinesComeBackInTheNextChat) {
  {
    Terminal terminal(Chat({}), Environment());
    terminal.Expect("> ");
    terminal.Type("/help\n");
    terminal.Expect("Ctrl-C stops an answer.");
    terminal.Expect("> ");
    terminal.Type("/quit\n");
    EXPECT_EQ(terminal.Wait(), 0);
  }
  EXPECT_THAT(folder_.Read("state-home/skein/history"), HasSubstr("/help"));
  Terminal terminal(Chat({}), Environment());
  terminal.Expect("> ");
  terminal.Type(std::string(kUp) + kUp + "\n");
  terminal.Expect("Ctrl-C stops an answer.");
  terminal.Expect("> ");
  terminal.Type(kControlD);
  EXPECT_EQ(terminal.Wait(), 0);
}

TEST_F(ChatTerminalTest, AHistoryThatCannotBeWrittenIsNoFailure) {
  std::map<std::string, std::string> environment = Environment();
  environment["XDG_STATE_HOME"] = folder_.Write("a file", "");
  Terminal terminal(Chat({}), environment);
  terminal.Expect("> ");
  terminal.Type("/quit\n");
  EXPECT_EQ(terminal.Wait(), 0);
}

}  // namespace
}  // namespace skein
