// skein chat: a conversation in the terminal, or with messages from a pipe. Answers go to stdout, everything else to
// stderr.
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "chat/conversation.h"
#include "chat/line_editor.h"
#include "commands.h"
#include "interrupt.h"
#include "output.h"
#include "screen_text.h"
#include "session.h"
#include "starting_stream.h"
#include "table.h"

namespace skein::cli {
namespace {

// A chat under way, on which the commands act.
struct Chat {
  Conversation& conversation;
  DataWriter& writer;
  bool interactive;
  bool on_screen;          // stdout is a terminal
  int num_interrupts = 0;  // Ctrl-C since the last line, the one that ended an answer included
  bool quit = false;
};

// Runs `answer`, which shows its text on stdout.
template <typename Answer>
void Speak(Chat& chat, Answer answer) {
  Generation generation;
  {
    const InterruptGuard guard(SecondInterrupt::kCounts);
    generation = answer([&chat](std::string_view piece) {
      if (chat.on_screen) return chat.writer.Write(ScreenText(piece));
      chat.writer.Write(piece);
    });
  }
  chat.writer.Write("\n");
  if (generation.reason == "cancelled") {
    ++chat.num_interrupts;
    if (chat.interactive) Note("(stopped)");
  } else if (generation.reason == "length") {
    Note("(cut after " + std::to_string(generation.num_tokens) + " tokens; -n sets the limit)");
  }
  if (!chat.conversation.was_answered()) Note("(no answer: the message does not count)");
}

// --- commands of the chat ---

// A line of the chat that is a command.
struct InnerCommand {
  std::string_view name;
  std::string_view value = {};  // the name of the value in the help; "" if there is none
  bool value_is_optional = false;
  std::string_view help;
  void (*run)(Chat& chat, const std::string& value);
};

void ShowHelp(Chat& chat, const std::string& value);

// A number of exchanges.
uint64_t CountOf(const std::string& value) {
  uint64_t count = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), count);
  if (error == std::errc() && end == value.data() + value.size() && count > 0) return count;
  throw Failure("expected a number of exchanges, found " + value);
}

void NoteCost(const std::string& what, const Conversation::Cost& cost) {
  char milliseconds[32];
  std::snprintf(milliseconds, sizeof(milliseconds), "%.2f", cost.milliseconds);
  Note("(" + what + ": " + std::to_string(cost.num_replayed) + " tokens read again, " + milliseconds + " ms)");
}

constexpr InnerCommand kCommands[] = {
    {.name = "/help", .help = "show this list", .run = ShowHelp},
    {.name = "/retry",
     .help = "answer the last message again, with another seed",
     .run =
         [](Chat& chat, const std::string&) {
           Speak(chat, [&chat](const Conversation::Show& show) { return chat.conversation.Retry(show); });
         }},
    {.name = "/edit",
     .value = "TEXT",
     .help = "say TEXT in place of the last message",
     .run =
         [](Chat& chat, const std::string& value) {
           NoteCost("took the last message back", chat.conversation.UndoForEdit());
           Speak(chat, [&](const Conversation::Show& show) { return chat.conversation.Say(value, show); });
         }},
    {.name = "/undo",
     .value = "N",
     .value_is_optional = true,
     .help = "take back the last exchange, or the last N",
     .run =
         [](Chat& chat, const std::string& value) {
           const uint64_t count = value.empty() ? 1 : CountOf(value);
           const Conversation::Cost cost = chat.conversation.Undo(count);
           NoteCost("took back " + std::to_string(count) + (count == 1 ? " exchange" : " exchanges"), cost);
         }},
    {.name = "/branch",
     .value = "NAME",
     .value_is_optional = true,
     .help = "go on in a branch, which begins here if there is none with the name",
     .run =
         [](Chat& chat, const std::string& value) {
           const std::string name = value.empty() ? chat.conversation.NewBranchName() : value;
           const Conversation::Cost cost = chat.conversation.GoToBranch(name);
           NoteCost("branch " + name + ", " + std::to_string(chat.conversation.position()) + " tokens", cost);
         }},
    {.name = "/tree",
     .help = "show the branches and their exchanges",
     .run = [](Chat& chat, const std::string&) { Note(ScreenText(chat.conversation.Tree())); }},
    {.name = "/reset", .help = "begin anew", .run = [](Chat& chat, const std::string&) { chat.conversation.Reset(); }},
    {.name = "/system",
     .value = "TEXT",
     .value_is_optional = true,
     .help = "tell the model, in front of the next message, how to behave; without TEXT: no more",
     .run = [](Chat& chat, const std::string& value) { chat.conversation.SetSystem(value); }},
    {.name = "/think",
     .value = "on|off|none|short|long",
     .help = "begin answers with a think block, an empty one, none, or one with few or many thoughts",
     .run = [](Chat& chat, const std::string& value) { chat.conversation.SetThinking(value); }},
    {.name = "/save",
     .value = "FILE",
     .help = "write the state of the conversation to a file",
     .run =
         [](Chat& chat, const std::string& value) {
           chat.conversation.Save(value);
           Note("(saved " + value + ")");
         }},
    {.name = "/load",
     .value = "FILE",
     .help = "go on from such a file",
     .run =
         [](Chat& chat, const std::string& value) {
           chat.conversation.Load(value);
           Note("(loaded " + value + ": " + std::to_string(chat.conversation.position()) + " tokens)");
         }},
    {.name = "/quit", .help = "end, as Ctrl-D does", .run = [](Chat& chat, const std::string&) { chat.quit = true; }},
};

// All commands of the chat, described.
std::string CommandsText() {
  std::vector<Described> rows;
  for (const InnerCommand& command : kCommands) {
    std::string usage(command.name);
    const bool is_optional = command.value_is_optional;
    if (!command.value.empty()) usage.append(is_optional ? " [" : " ").append(command.value);
    if (is_optional) usage.append("]");
    rows.push_back({"  " + usage, std::string(command.help)});
  }
  return FormatDescriptions(rows) + "A line that ends in \\ goes on in the next. Ctrl-C stops an answer.\n";
}

void ShowHelp(Chat& /*chat*/, const std::string& /*value*/) { PrintError(CommandsText()); }

void RunChatCommand(Chat& chat, const std::string& line) {
  const size_t space = line.find_first_of(" \t");
  const std::string name = line.substr(0, space);
  const size_t start = space == std::string::npos ? space : line.find_first_not_of(" \t", space);
  const std::string value = start == std::string::npos ? "" : line.substr(start);
  std::vector<std::string> names;
  for (const InnerCommand& command : kCommands) {
    names.emplace_back(command.name);
    if (command.name != name) continue;
    if (command.value.empty() && !value.empty())
      throw Failure(std::string(name).append(" takes nothing, found ").append(value));
    if (!command.value.empty() && !command.value_is_optional && value.empty()) {
      throw Failure(name + " needs " + std::string(command.value));
    }
    command.run(chat, value);
    return;
  }
  throw Failure("unknown command " + name + Hint(name, names) + " (see /help; a space in front makes it a message)");
}

// Answers one message or runs one command.
void Take(Chat& chat, const std::string& message) {
  if (message.find_first_not_of(" \t\r\n") == std::string::npos) return;
  if (message.front() == '/') {
    RunChatCommand(chat, message);
  } else {
    Speak(chat, [&](const Conversation::Show& show) { return chat.conversation.Say(message, show); });
  }
}

int RunChat(const Arguments& arguments) {
  const Session session(arguments);
  const Model model = session.LoadModel(arguments);
  Conversation conversation(arguments, session.runtime(), model);
  LineEditor editor(HistoryPath());
  DataWriter writer;
  Chat chat = {conversation, writer, editor.interactive(), isatty(STDOUT_FILENO) != 0};
  if (chat.interactive) Note("/help lists what can be done beside talking; Ctrl-D ends.");

  // After a failure the conversation goes on. A script learns of it by the exit code.
  int exit_code = 0;
  std::string message;
  while (!chat.quit) {
    switch (editor.Read(&message)) {
      case LineEditor::Result::kEnd:
        return exit_code;
      case LineEditor::Result::kInterrupted:
        // The Ctrl-C that drops a line is not meant to end the chat.
        chat.num_interrupts = message.empty() ? chat.num_interrupts + 1 : 1;
        if (chat.num_interrupts > 1) return exit_code;
        Note("(Ctrl-C once more, or Ctrl-D, ends)");
        break;
      case LineEditor::Result::kMessage:
        chat.num_interrupts = 0;
        try {
          Take(chat, message);
        } catch (const Error& failure) {
          Note(std::string("skein: ") + failure.what());
          if (!chat.interactive) exit_code = 1;
        }
        break;
    }
  }
  return exit_code;
}

}  // namespace

Command ChatCommand() {
  return {
      .name = "chat",
      .synopsis = "-m MODEL [options]",
      .summary = "talk with a model",
      .options = WithModelOptions(WithSamplingOptions({
          PrefixOption(),
          {.name = "system", .takes = Takes::kText, .value = "TEXT", .help = "tell the model how to behave"},
          {.name = "template",
           .takes = Takes::kText,
           .value = "NAME",
           .help = "form of the conversation: world, g1, raven or instruct (default: the model's)"},
          {.name = "think",
           .takes = Takes::kText,
           .value = "on|off|none|short|long",
           .help = "begin answers with a think block, an empty one, none, or one for which the model is asked to think "
                   "a bit or a lot (default: as the template has it)"},
      })),
      .run = RunChat,
      .more = [] { return "In the conversation, a line that begins with / is a command:\n\n" + CommandsText(); },
  };
}

}  // namespace skein::cli
