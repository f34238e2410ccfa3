#include "tests/tree/include_graph.h"

#include <algorithm>
#include <fstream>
#include <functional>
#include <regex>

namespace skein::tree {
namespace {

namespace fs = std::filesystem;

bool IsOneOf(const std::string& text, const std::vector<std::string>& expected) {
  return std::find(expected.begin(), expected.end(), text) != expected.end();
}

bool IsSource(const fs::path& path) {
  return IsOneOf(path.extension().string(), {".h", ".cc", ".c", ".cu", ".cuh", ".inc"});
}

bool IsCode(const fs::path& path) {
  return IsSource(path) || IsOneOf(path.extension().string(), {".hpp", ".py", ".sh", ".cmake", ".proto"}) ||
         IsOneOf(path.filename().string(), {"CMakeLists.txt", "dev"});
}

std::vector<fs::path> FilesUnder(const fs::path& root, const std::function<bool(const fs::path&)>& wanted,
                                 const std::function<bool(const fs::path&)>& skipped_folder = nullptr) {
  std::vector<fs::path> files;
  for (auto entry = fs::recursive_directory_iterator(root); entry != fs::recursive_directory_iterator(); ++entry) {
    if (entry->is_directory()) {
      if (skipped_folder != nullptr && skipped_folder(entry->path())) entry.disable_recursion_pending();
    } else if (wanted(entry->path())) {
      files.push_back(entry->path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Built and fetched folders, and fixtures whose includes are made up.
bool IsNotOurs(const fs::path& folder) {
  const std::string name = folder.filename().string();
  return name.front() == '.' || IsOneOf(name, {"build", "fixture", "node_modules", "target"});
}

size_t CountLines(const fs::path& path) {
  std::ifstream file(path);
  size_t count = 0;
  for (std::string line; std::getline(file, line);) ++count;
  return count;
}

std::string PairName(const fs::path& root, const fs::path& path) {
  return fs::relative(path, root).replace_extension().generic_string();
}

std::string FolderOf(const std::string& pair) {
  const size_t slash = pair.find('/');
  return slash == std::string::npos ? "" : pair.substr(0, slash);
}

// Includes are written from the root, or from the file's own folder.
void AddIncludes(const fs::path& root, const fs::path& path, std::set<std::string>& included) {
  static const std::regex include("\\s*#\\s*include\\s+\"([^\"]+)\".*");
  std::ifstream file(path);
  std::smatch match;
  for (std::string line; std::getline(file, line);) {
    if (!std::regex_match(line, match, include)) continue;
    for (const fs::path& folder : {root, path.parent_path()}) {
      if (!fs::exists(folder / match.str(1))) continue;
      included.insert(PairName(root, fs::weakly_canonical(folder / match.str(1))));
      break;
    }
  }
}

// Tarjan's algorithm: a set is complete when the search returns to the name that it was entered by.
class RingSearch {
 public:
  explicit RingSearch(const Graph& graph) : graph_(graph) {
    for (const auto& [name, included] : graph) {
      if (order_.count(name) == 0) Visit(name);
    }
    std::sort(rings_.begin(), rings_.end());
  }

  const std::vector<std::vector<std::string>>& rings() const { return rings_; }

 private:
  size_t Visit(const std::string& name) {
    const size_t own = order_[name] = order_.size();
    size_t lowest = own;
    open_.push_back(name);
    for (const std::string& next : graph_.at(name)) {
      if (graph_.count(next) == 0) continue;
      if (order_.count(next) == 0) {
        lowest = std::min(lowest, Visit(next));
      } else if (IsOneOf(next, open_)) {
        lowest = std::min(lowest, order_[next]);
      }
    }
    if (lowest == own) Close(name);
    return lowest;
  }

  void Close(const std::string& name) {
    const auto first = std::find(open_.begin(), open_.end(), name);
    std::vector<std::string> ring(first, open_.end());
    open_.erase(first, open_.end());
    std::sort(ring.begin(), ring.end());
    if (ring.size() > 1) rings_.push_back(std::move(ring));
  }

  const Graph& graph_;
  std::map<std::string, size_t> order_;
  std::vector<std::string> open_;
  std::vector<std::vector<std::string>> rings_;
};

}  // namespace

Graph ReadIncludes(const fs::path& folder) {
  const fs::path root = fs::canonical(folder);
  Graph graph;
  for (const fs::path& path : FilesUnder(root, IsSource)) {
    const std::string name = PairName(root, path);
    AddIncludes(root, path, graph[name]);
    graph[name].erase(name);
  }
  return graph;
}

Graph BetweenFolders(const Graph& pairs) {
  Graph folders;
  for (const auto& [name, included] : pairs) {
    const std::string folder = FolderOf(name);
    if (folder.empty()) continue;
    for (const std::string& other : included) {
      if (!FolderOf(other).empty() && FolderOf(other) != folder) folders[folder].insert(FolderOf(other));
    }
  }
  return folders;
}

std::vector<std::vector<std::string>> Rings(const Graph& graph) { return RingSearch(graph).rings(); }

std::map<std::string, size_t> LinesOfFolders(const fs::path& root) {
  std::map<std::string, size_t> lines;
  for (const fs::path& path : FilesUnder(root, IsSource)) {
    const std::string folder = FolderOf(PairName(root, path));
    if (!folder.empty()) lines[folder] += CountLines(path);
  }
  return lines;
}

std::vector<std::string> LongFiles(const fs::path& root, size_t limit) {
  const auto skipped = [](const fs::path& folder) {
    return folder.filename().string().front() == '.' || IsOneOf(folder.filename().string(), {"build", "data"});
  };
  std::vector<std::string> found;
  for (const fs::path& path : FilesUnder(root, IsCode, skipped)) {
    const size_t lines = CountLines(path);
    if (lines > limit) found.push_back(fs::relative(path, root).generic_string() + ": " + std::to_string(lines));
  }
  return found;
}

std::vector<std::string> MissingIncludes(const fs::path& root, const std::vector<std::string>& folders) {
  static const std::regex include("\\s*#\\s*include\\s+\"([^\"]+)\".*");
  static const std::regex not_ours("(absl|nlohmann|gtest|gmock)/.*|.*\\.pb\\.h|_cgo_export\\.h|dev_skein_Native\\.h");
  std::vector<std::string> missing;
  for (const fs::path& path : FilesUnder(
           root, [](const fs::path& file) { return IsSource(file) || file.extension() == ".hpp"; }, IsNotOurs)) {
    std::ifstream file(path);
    std::smatch match;
    for (std::string line; std::getline(file, line);) {
      if (!std::regex_match(line, match, include) || std::regex_match(match.str(1), not_ours)) continue;
      const std::string name = match.str(1);
      const bool is_there = fs::exists(path.parent_path() / name) || fs::exists(root / name) ||
                            std::any_of(folders.begin(), folders.end(),
                                        [&](const std::string& folder) { return fs::exists(root / folder / name); });
      if (!is_there) missing.push_back(fs::relative(path, root).generic_string() + ": " + name);
    }
  }
  return missing;
}

std::vector<std::string> LinesThatMatch(const fs::path& root, const std::vector<std::string>& folders,
                                        const std::string& expression) {
  const std::regex wanted(expression);
  std::vector<std::string> found;
  for (const std::string& folder : folders) {
    for (const fs::path& path : FilesUnder(root / folder, IsSource)) {
      std::ifstream file(path);
      size_t number = 0;
      for (std::string line; std::getline(file, line);) {
        ++number;
        if (!std::regex_search(line, wanted)) continue;
        found.push_back(fs::relative(path, root).generic_string() + ":" + std::to_string(number));
      }
    }
  }
  return found;
}

}  // namespace skein::tree
