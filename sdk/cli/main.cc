// `skein`: finds the command, runs it, and turns exceptions into messages and exit codes: 0 ok, 1 failed, 2 wrong
// usage.
#include <csignal>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "arguments.h"
#include "commands.h"
#include "failure.h"
#include "output.h"
#include "standard_streams.h"
#include "table.h"

namespace skein::cli {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;

std::string VersionText() { return std::string("skein ") + skein_version() + "\n"; }

std::string Overview(const std::vector<Command>& commands) {
  std::string text = "usage: skein COMMAND [options]\n\nInference for RWKV language models.\n\n";
  std::vector<Described> rows;
  for (const Command& command : commands) {
    if (!command.hidden) rows.push_back({"  " + std::string(command.name), std::string(command.summary)});
  }
  return text + FormatDescriptions(rows) +
         "\nskein COMMAND --help describes a command; skein --version shows the version.\n";
}

bool AsksForHelp(const std::string& word) { return word == "--help" || word == "-h" || word == "help"; }

const Command& FindCommand(const std::vector<Command>& commands, const std::string& name) {
  std::vector<std::string> names;
  for (const Command& command : commands) {
    if (command.name == name) return command;
    if (!command.hidden) names.emplace_back(command.name);
  }
  const std::string what = name.starts_with('-') ? "unknown option " : "unknown command ";
  throw UsageError(what + name + Hint(name, names) + " (see skein --help)");
}

int Run(const Command& command, const std::vector<std::string>& words) {
  try {
    const Arguments arguments(command, words);
    if (!arguments.help() && !arguments.version()) return command.run(arguments);
    DataWriter().Write(arguments.help() ? HelpText(command) : VersionText());
    return 0;
  } catch (const UsageError& error) {
    throw UsageError(std::string(error.what()) + " (see skein " + std::string(command.name) + " --help)");
  }
}

int Dispatch(const std::vector<std::string>& words) {
  const std::vector<Command> commands = {RunCommand(),     ChatCommand(),       LogitsCommand(),     ScoreCommand(),
                                         EmbedCommand(),   TokenizeCommand(),   DetokenizeCommand(), ConvertCommand(),
                                         InspectCommand(), StateCommand(),      DevicesCommand(),    PluginsCommand(),
                                         BenchCommand(),   ProbePluginCommand()};
  if (words.empty()) {
    Note(Overview(commands));
    return kWrongUsage;
  }
  if (AsksForHelp(words[0])) {
    DataWriter().Write(words.size() > 1 ? HelpText(FindCommand(commands, words[1])) : Overview(commands));
    return 0;
  }
  if (words[0] == "--version") {
    DataWriter().Write(VersionText());
    return 0;
  }
  return Run(FindCommand(commands, words[0]), {words.begin() + 1, words.end()});
}

int Main(const std::vector<std::string>& words) {
  try {
    return Dispatch(words);
  } catch (const UsageError& error) {
    Note(std::string("skein: ") + error.what());
    return kWrongUsage;
  } catch (const OutputClosed&) {
    return kFailed;
  } catch (const std::bad_alloc&) {
    Note("skein: out of memory");
    return kFailed;
  } catch (const std::exception& error) {
    Note(std::string("skein: ") + error.what());
    return kFailed;
  }
}

}  // namespace
}  // namespace skein::cli

int main(int argc, char** argv) {
  skein::cli::FillClosedStreams();
  // A closed pipe is an error of write(), which ends the tool in good order.
  std::signal(SIGPIPE, SIG_IGN);
  return skein::cli::Main({argv + (argc > 0 ? 1 : 0), argv + argc});
}
