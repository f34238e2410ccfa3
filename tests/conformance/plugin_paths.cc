#include "tests/conformance/plugin_paths.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace skein::conformance {

std::vector<std::string> PluginPaths() {
  if (const char* path = std::getenv("SKEIN_CONFORMANCE_PLUGIN"); path != nullptr) return {path};
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(SKEIN_PLUGIN_DIR, error)) {
    if (file.path().filename().string().starts_with("backend-")) paths.push_back(file.path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::vector<std::string> ContractPluginPaths() {
  std::vector<std::string> paths = PluginPaths();
  if (std::getenv("SKEIN_CONFORMANCE_PLUGIN") == nullptr) paths.emplace_back(SKEIN_LATE_BACKEND);
  return paths;
}

}  // namespace skein::conformance
