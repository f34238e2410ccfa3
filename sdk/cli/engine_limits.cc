#include "engine_limits.h"

#include <sstream>

#include "table.h"

namespace skein::cli {
namespace {

// The value behind `start`, a label with its quote, in a line of metrics. Those of limits hold no quotes.
std::string Label(const std::string& line, std::string_view start) {
  const size_t at = line.find(start);
  if (at == std::string::npos) return "";
  const size_t begin = at + start.size();
  return line.substr(begin, line.find('"', begin) - begin);
}

}  // namespace

std::vector<EngineLimit> ReadEngineLimits(std::string_view metrics) {
  std::vector<EngineLimit> limits;
  std::istringstream lines{std::string(metrics)};
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("skein_limit{")) continue;
    limits.push_back(
        {Label(line, "limit=\""), Label(line, "option=\""), std::stoull(line.substr(line.rfind(' ') + 1))});
  }
  return limits;
}

std::vector<EngineLimit> DefaultEngineLimits(const Runtime& runtime) {
  std::string name;
  for (const skein_device_info& device : runtime.Devices()) {
    if ((device.generations >> 7 & 1) != 0) name = device.name;
  }
  if (name.empty()) return {};
  const auto model = Try([&] {
    return Model(runtime, "synthetic:C=128,L=1,V=16", {{"device", name}, {"calibrate", 0}});
  });
  return model ? ReadEngineLimits(runtime.Metrics()) : std::vector<EngineLimit>();
}

std::string EngineLimitsText(const std::vector<EngineLimit>& limits) {
  std::vector<std::vector<std::string>> rows = {{"LIMIT", "DEFAULT", "SET BY THE MODEL'S OPTION"}};
  for (const EngineLimit& limit : limits) rows.push_back({limit.name, std::to_string(limit.value), limit.option});
  return std::string("\n").append(FormatTable(rows));
}

}  // namespace skein::cli
