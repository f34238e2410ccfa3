// skein inspect: what a model file says about itself.
#include <cstdint>
#include <string>

#include "call_options.h"
#include "commands.h"
#include "output.h"
#include "session.h"

namespace skein::cli {
namespace {

// Reads all data of the file and compares the checksums. Throws Failure that names the first tensor that differs.
void Verify(skein_runtime runtime, const std::string& path) {
  CallOptions options(SKEIN_OPTIONS_DESCRIBE);
  options.Set("verify", 1);
  uint64_t size = 0;
  Call(skein_model_describe, runtime, path.c_str(), options.get(), nullptr, 0, &size);
}

int Inspect(const Arguments& arguments) {
  if (arguments.operands().empty()) throw UsageError("inspect: expected a model file");
  const std::string& path = arguments.operands()[0];
  const Session session(arguments);
  CallOptions options(SKEIN_OPTIONS_DESCRIBE);
  options.Set("format", arguments.Has("json") ? "json" : "text");
  std::string text = Read<std::string>(skein_model_describe, session.runtime(), path.c_str(), options.get());
  if (text.empty() || text.back() != '\n') text += '\n';
  DataWriter().Write(text);
  if (arguments.Has("verify")) {
    Verify(session.runtime(), path);
    Note("skein: " + path + ": all data was read and is as recorded");
  }
  return 0;
}

}  // namespace

Command InspectCommand() {
  return {
      .name = "inspect",
      .synopsis = "FILE [options]",
      .summary = "describe a model file",
      .max_operands = 1,
      .options = WithRuntimeOptions({
          {.name = "json", .help = "as a JSON object"},
          {.name = "verify", .help = "also read all data and compare it with the checksums"},
      }),
      .run = Inspect,
  };
}

}  // namespace skein::cli
