// The commands of the tool; each is in the file of its name.
#ifndef SKEIN_CLI_COMMANDS_H_
#define SKEIN_CLI_COMMANDS_H_

#include "arguments.h"

namespace skein::cli {

Command RunCommand();
Command ChatCommand();
Command LogitsCommand();
Command ScoreCommand();
Command EmbedCommand();
Command TokenizeCommand();
Command DetokenizeCommand();  // in tokenize.cc
Command ConvertCommand();
Command InspectCommand();
Command StateCommand();
Command DevicesCommand();
Command PluginsCommand();
Command ProbePluginCommand();  // in plugins.cc; `plugins --probe` starts it as a helper process
Command BenchCommand();

}  // namespace skein::cli

#endif  // SKEIN_CLI_COMMANDS_H_
