#include "cuda/check/options.h"

#include <cstdlib>
#include <functional>
#include <map>
#include <stdexcept>

namespace skein::check {
namespace {

double ParseNumber(const std::string& name, const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(value >= 0)) {
    throw std::invalid_argument(name + ": expected a number that is not negative, found \"" + text + "\"");
  }
  return value;
}

Size ParseSize(const std::string& text) {
  if (text == "toy") return Size::kToy;
  if (text == "quick") return Size::kQuick;
  if (text == "full") return Size::kFull;
  throw std::invalid_argument("--size: expected toy, quick or full, found \"" + text + "\"");
}

}  // namespace

Options ParseOptions(int argc, char** argv) {
  Options options;
  options.program = argv[0];
  const std::map<std::string, std::function<void(const std::string&)>> setters = {
      {"--name", [&](const std::string& text) { options.name = text; }},
      {"--plugin", [&](const std::string& text) { options.plugin = text; }},
      {"--reference", [&](const std::string& text) { options.reference = text; }},
      {"--device",
       [&](const std::string& text) { options.device = static_cast<uint32_t>(ParseNumber("--device", text)); }},
      {"--seconds", [&](const std::string& text) { options.seconds = ParseNumber("--seconds", text); }},
      {"--size", [&](const std::string& text) { options.size = ParseSize(text); }},
      {"--only", [&](const std::string& text) { options.only = text; }},
      {"--json", [&](const std::string& text) { options.json = text; }},
      {"--bandwidth", [&](const std::string& text) { options.bandwidth = ParseNumber("--bandwidth", text); }},
      {"--matrix-rate", [&](const std::string& text) { options.matrix_rate = ParseNumber("--matrix-rate", text); }},
  };
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (!word.starts_with("--")) {
      if (!options.stage.empty()) throw std::invalid_argument("expected one stage, found \"" + word + "\" as well");
      options.stage = word;
      continue;
    }
    const auto setter = setters.find(word);
    if (setter == setters.end()) throw std::invalid_argument("no option " + word);
    if (i + 1 == argc) throw std::invalid_argument(word + ": expected a value behind it");
    setter->second(argv[++i]);
  }
  if (options.plugin.empty()) throw std::invalid_argument("--plugin: expected the plugin to check");
  if (options.reference.empty()) throw std::invalid_argument("--reference: expected the reference plugin");
  return options;
}

std::string CommandFor(const Options& options, const std::string& case_name) {
  return options.program + " " + options.stage + " --plugin " + options.plugin + " --reference " + options.reference +
         (options.device == 0 ? "" : " --device " + std::to_string(options.device)) + " --only '" + case_name + "'";
}

}  // namespace skein::check
