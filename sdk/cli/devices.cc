// skein devices: the devices that can run a model here.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "commands.h"
#include "engine_limits.h"
#include "output.h"
#include "session.h"
#include "table.h"

namespace skein::cli {
namespace {

constexpr std::pair<uint32_t, const char*> kTypeNames[] = {
    {SKEIN_DTYPE_F32, "f32"}, {SKEIN_DTYPE_F16, "f16"}, {SKEIN_DTYPE_BF16, "bf16"},
    {SKEIN_DTYPE_Q8, "q8"},   {SKEIN_DTYPE_Q4, "q4"},
};

std::vector<std::string> WeightTypes(const skein_device_info& device) {
  std::vector<std::string> names;
  for (const auto& [dtype, name] : kTypeNames) {
    if ((device.weight_types >> dtype & 1) != 0) names.emplace_back(name);
  }
  return names;
}

std::vector<uint32_t> Generations(const skein_device_info& device) {
  std::vector<uint32_t> generations;
  for (uint32_t g = 1; g < 32; ++g) {
    if ((device.generations >> g & 1) != 0) generations.push_back(g);
  }
  return generations;
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

// Takes all log lines that wait.
std::string TakeLog(const Runtime& runtime) {
  std::string text;
  while (const std::optional<LogLine> line = runtime.PollLog()) {
    text += line->text;
    if (!text.ends_with('\n')) text += '\n';
  }
  return text;
}

// A device lists its kernels in the log when the first model is loaded to it. A made-up model of two heads will do.
int ListKernels(const Arguments& arguments) {
  if (arguments.Has("json")) throw UsageError("devices: --kernels is text; it cannot be had with --json");
  const Runtime runtime = MakeRuntime(arguments);
  for (const skein_device_info& device : runtime.Devices()) {
    TakeLog(runtime);
    Model(runtime, "synthetic:C=128,L=1,V=16", {{"device", device.name}});
    const std::string log = TakeLog(runtime);
    DataWriter().Write(log.empty() ? std::string(device.name) + ": has no choice of kernels\n" : log);
  }
  return 0;
}

int ListDevices(const Arguments& arguments) {
  if (arguments.Has("kernels")) return ListKernels(arguments);
  const Session session(arguments);
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  std::vector<std::vector<std::string>> rows = {
      {"DEVICE", "PLUGIN", "RWKV", "WEIGHTS", "THREADS", "MEMORY", "DESCRIPTION"}};
  for (const skein_device_info& device : session.runtime().Devices()) {
    list.push_back({{"name", device.name},
                    {"plugin", device.plugin_id},
                    {"description", device.description},
                    {"threads", device.threads},
                    {"memory_bytes", device.memory_bytes},
                    {"weight_types", WeightTypes(device)},
                    {"generations", Generations(device)}});
    std::vector<std::string> generations;
    for (const uint32_t generation : Generations(device)) generations.push_back(std::to_string(generation));
    rows.push_back({device.name, device.plugin_id, Joined(generations), Joined(WeightTypes(device)),
                    std::to_string(device.threads), device.memory_bytes == 0 ? "-" : FormatBytes(device.memory_bytes),
                    device.description});
  }
  const bool none = list.empty();
  DataWriter writer;
  writer.Write(arguments.Has("json") ? list.dump(2) + "\n" : none ? "" : FormatTable(rows));
  if (none) {
    Note("skein: no device was found; `skein plugins` shows what was looked at");
    return 1;
  }
  if (!arguments.Has("json")) writer.Write(EngineLimitsText(DefaultEngineLimits(session.runtime())));
  return 0;
}

}  // namespace

Command DevicesCommand() {
  return {
      .name = "devices",
      .synopsis = "[options]",
      .summary = "list the devices that models can run on, the default first, and the limits of a model's engine",
      .options = WithRuntimeOptions({{.name = "json", .help = "as a JSON array"},
                                     {.name = "kernels",
                                      .help = "what each device says of its kernels: which run, for what, and in what "
                                              "order they are preferred"}}),
      .run = ListDevices,
  };
}

}  // namespace skein::cli
