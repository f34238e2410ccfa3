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

std::string Overview(const std::vector<Command>& commands) {
  std::string text = "usage: skein COMMAND [options]\n\nInference for RWKV language models.\n\n";
  std::vector<std::vector<std::string>> rows;
  for (const Command& command : commands) {
    if (!command.hidden) rows.push_back({"  " + std::string(command.name), std::string(command.summary)});
  }
  return text + FormatTable(rows) + "\nskein COMMAND --help describes a command; skein --version shows the version.\n";
}

int Dispatch(const std::vector<std::string>& words) {
  const std::vector<Command> commands = {RunCommand(),     ChatCommand(),       LogitsCommand(),     ScoreCommand(),
                                         EmbedCommand(),   TokenizeCommand(),   DetokenizeCommand(), ConvertCommand(),
                                         InspectCommand(), StateCommand(),      DevicesCommand(),    PluginsCommand(),
                                         BenchCommand(),   ProbePluginCommand()};
  const std::string version = std::string("skein ") + skein_version() + "\n";
  if (words.empty()) {
    Note(Overview(commands));
    return kWrongUsage;
  }
  if (words[0] == "--help" || words[0] == "-h") {
    DataWriter().Write(Overview(commands));
    return 0;
  }
  if (words[0] == "--version") {
    DataWriter().Write(version);
    return 0;
  }
  std::vector<std::string> names;
  for (const Command& command : commands) {
    if (command.name == words[0]) {
      const Arguments arguments(command, {words.begin() + 1, words.end()});
      if (!arguments.help() && !arguments.version()) return command.run(arguments);
      DataWriter().Write(arguments.help() ? HelpText(command) : version);
      return 0;
    }
    if (!command.hidden) names.emplace_back(command.name);
  }
  const std::string what = words[0][0] == '-' ? "unknown option " : "unknown command ";
  throw UsageError(what + words[0] + Hint(words[0], names) + " (see skein --help)");
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
