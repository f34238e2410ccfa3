#include "tests/conformance/plugin_paths.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "tests/conformance/backend_conformance.h"

namespace skein::conformance {
namespace {

std::vector<std::string> Split(const std::string& paths) {
  std::vector<std::string> parts;
  std::istringstream stream(paths);
  for (std::string part; std::getline(stream, part, ':');) parts.push_back(part);
  return parts;
}

}  // namespace

std::vector<std::string> PluginPaths() {
  if (const char* paths = std::getenv("SKEIN_CONFORMANCE_PLUGIN"); paths != nullptr) return Split(paths);
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(SKEIN_PLUGIN_DIR, error)) {
    const std::string path = file.path().string();
    if (file.path().filename().string().starts_with("backend-") && BackendPlugin(path).HasDevices()) {
      paths.push_back(path);
    }
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
