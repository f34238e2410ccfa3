// skein inspect: describes a model file.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "commands.h"
#include "engine_limits.h"
#include "output.h"
#include "session.h"

namespace skein::cli {
namespace {

// Reads all data of the file and compares the checksums. Throws Error that names the first tensor that differs.
void Verify(const Runtime& runtime, const std::string& path) {
  const DescribeOptions options = {{"verify", 1}};
  // Without room for the text. Runtime::Describe reads all data once more if the text is longer than it expects.
  uint64_t size = 0;
  Call(skein_model_describe, runtime.get(), Terminated(path), options.get(), nullptr, 0, &size);
}

// Names of the devices that run a generation, the default first.
std::vector<std::string> DevicesFor(const Runtime& runtime, uint32_t generation) {
  std::vector<std::string> names;
  for (const skein_device_info& device : runtime.Devices()) {
    if (generation < 32 && (device.generations >> generation & 1) != 0) names.emplace_back(device.name);
  }
  return names;
}

// A line for people.
std::string DevicesText(const std::vector<std::string>& names) {
  if (names.empty()) return "\nNo device here runs it; see skein devices.\n";
  std::string text = "\nRuns on ";
  text.append(names[0]);
  for (size_t i = 1; i < names.size(); ++i) text.append(i == 1 ? ", or, if named, on " : ", ").append(names[i]);
  return text.append(".\n");
}

int Inspect(const Arguments& arguments) {
  if (arguments.operands().empty()) throw UsageError("inspect: expected a model file");
  const std::string& path = arguments.operands()[0];
  const Session session(arguments);
  auto json = nlohmann::ordered_json::parse(session.runtime().Describe(path, {{"format", "json"}}));
  // A file that only changes a model has no generation, and no device.
  const bool is_model = json.contains("generation");
  const std::vector<std::string> devices =
      is_model ? DevicesFor(session.runtime(), json["generation"].get<uint32_t>()) : std::vector<std::string>();
  const std::vector<EngineLimit> limits =
      devices.empty() ? std::vector<EngineLimit>() : DefaultEngineLimits(session.runtime());
  if (arguments.Has("json")) {
    if (is_model) json["devices"] = devices;
    for (const EngineLimit& limit : limits) json["limits"][limit.name] = limit.value;
    DataWriter().Write(json.dump(2) + "\n");
  } else {
    const std::string text = session.runtime().Describe(path, {{"format", "text"}});
    DataWriter writer;
    writer.Write(text);
    if (is_model) writer.Write(DevicesText(devices));
    if (!limits.empty()) writer.Write(EngineLimitsText(limits));
  }
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
      .summary = "describe a model file, a tuned state or an adapter",
      .max_operands = 1,
      .options = WithRuntimeOptions({
          {.name = "json", .help = "as a JSON object"},
          {.name = "verify", .help = "also read all data and compare it with the checksums"},
      }),
      .run = Inspect,
  };
}

}  // namespace skein::cli
