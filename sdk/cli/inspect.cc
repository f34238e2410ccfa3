// skein inspect: describes a model file.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "call_options.h"
#include "commands.h"
#include "engine_limits.h"
#include "output.h"
#include "session.h"

namespace skein::cli {
namespace {

// Reads all data of the file and compares the checksums. Throws Error that names the first tensor that differs.
void Verify(skein_runtime runtime, const std::string& path) {
  CallOptions options(SKEIN_OPTIONS_DESCRIBE);
  options.Set("verify", 1);
  uint64_t size = 0;
  Call(skein_model_describe, runtime, path.c_str(), options.get(), nullptr, 0, &size);
}

std::string Describe(skein_runtime runtime, const std::string& path, const char* format) {
  CallOptions options(SKEIN_OPTIONS_DESCRIBE);
  options.Set("format", std::string(format));
  return Read<std::string>(skein_model_describe, runtime, path.c_str(), options.get());
}

// Names of the devices that run a generation, the default first.
std::vector<std::string> DevicesFor(skein_runtime runtime, uint32_t generation) {
  std::vector<std::string> names;
  for (const skein_device_info& device : Devices(runtime)) {
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
  auto json = nlohmann::ordered_json::parse(Describe(session.runtime(), path, "json"));
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
    const std::string text = Describe(session.runtime(), path, "text");
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
