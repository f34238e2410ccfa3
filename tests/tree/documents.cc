#include "tests/tree/documents.h"

#include <fnmatch.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>

namespace skein::tree {
namespace {

namespace fs = std::filesystem;

// The first group of each match.
std::vector<std::string> Matches(const std::string& text, const std::string& expression) {
  const std::regex wanted(expression);
  std::vector<std::string> found;
  for (std::sregex_iterator match(text.begin(), text.end(), wanted); match != std::sregex_iterator(); ++match) {
    found.push_back(match->str(1));
  }
  return found;
}

std::vector<std::string> Words(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), std::istream_iterator<std::string>()};
}

// a{b,c} is ab and ac.
std::vector<std::string> ExpandBraces(const std::string& pattern) {
  const size_t open = pattern.find('{');
  const size_t close = pattern.find('}', open == std::string::npos ? 0 : open);
  if (open == std::string::npos || close == std::string::npos) return {pattern};
  std::vector<std::string> expanded;
  std::istringstream choices(pattern.substr(open + 1, close - open - 1));
  for (std::string choice; std::getline(choices, choice, ',');) {
    for (std::string& path : ExpandBraces(pattern.substr(0, open) + choice + pattern.substr(close + 1))) {
      expanded.push_back(std::move(path));
    }
  }
  return expanded;
}

// Whether a file or folder under `root` has the path, a pattern of the shell without braces.
bool Exists(const fs::path& root, const std::string& pattern) {
  const size_t slash = pattern.find('/');
  const std::string first = pattern.substr(0, slash);
  const std::string rest = slash == std::string::npos ? "" : pattern.substr(slash + 1);
  const auto goes_on = [&rest](const fs::path& at) { return fs::exists(at) && (rest.empty() || Exists(at, rest)); };
  if (first.find('*') == std::string::npos) return goes_on(root / first);
  if (!fs::is_directory(root)) return false;
  return std::any_of(fs::directory_iterator(root), fs::directory_iterator(), [&](const fs::directory_entry& entry) {
    return fnmatch(first.c_str(), entry.path().filename().c_str(), 0) == 0 && goes_on(entry.path());
  });
}

bool ExistsAsWritten(const fs::path& root, std::string path) {
  path = std::regex_replace(path, std::regex("rwkvN"), "rwkv*");
  const std::vector<std::string> paths = ExpandBraces(path);
  return std::all_of(paths.begin(), paths.end(), [&root](const std::string& one) {
    return Exists(root, one) || (one.ends_with("_test") && Exists(root, one + ".cc"));
  });
}

}  // namespace

std::string TextOf(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<fs::path> Documents(const fs::path& root) {
  const std::vector<std::string> skipped = {"build", "node_modules", "target", "dist", "shared"};
  std::vector<fs::path> documents;
  for (auto entry = fs::recursive_directory_iterator(root); entry != fs::recursive_directory_iterator(); ++entry) {
    const std::string name = entry->path().filename().string();
    if (entry->is_directory()) {
      const bool is_skipped = std::find(skipped.begin(), skipped.end(), name) != skipped.end();
      if (is_skipped || name.starts_with('.')) entry.disable_recursion_pending();
    } else if (name.ends_with(".md")) {
      documents.push_back(entry->path());
    }
  }
  std::sort(documents.begin(), documents.end());
  return documents;
}

std::vector<std::string> BrokenLinks(const fs::path& document) {
  std::vector<std::string> broken;
  for (const std::string& target : Matches(TextOf(document), "\\]\\(([^)\\s]+)\\)")) {
    if (target.starts_with('#') || target.find(':') != std::string::npos) continue;
    if (!fs::exists(document.parent_path() / target.substr(0, target.find('#')))) broken.push_back(target);
  }
  return broken;
}

std::vector<std::string> MissingPaths(const fs::path& root, const fs::path& document) {
  const std::regex is_path("(sdk|backends|tests|bindings|plugins|proto|samples)/[^:]*");
  std::vector<std::string> missing;
  for (const std::string& code : Matches(TextOf(document), "`([^`\\n]+)`")) {
    for (std::string word : Words(code)) {
      while (!word.empty() && std::string(".,;:)/").find(word.back()) != std::string::npos) word.pop_back();
      if (!std::regex_match(word, is_path)) continue;
      // A page may also write from its own folder.
      if (!ExistsAsWritten(root, word) && !ExistsAsWritten(document.parent_path(), word)) missing.push_back(word);
    }
  }
  return missing;
}

std::vector<std::string> MissingSources(const std::vector<fs::path>& folders, const fs::path& document) {
  const std::regex is_source("[\\w/{},*.-]+\\.(h|cc|cu|inc|proto)");
  std::vector<std::string> missing;
  for (const std::string& bracket : Matches(TextOf(document), "\\[([^\\]]+)\\](?!\\()")) {
    for (std::string word : Words(bracket)) {
      if (word.ends_with(',')) word.pop_back();
      if (!std::regex_match(word, is_source)) continue;
      const bool is_there = std::any_of(folders.begin(), folders.end(),
                                        [&word](const fs::path& folder) { return ExistsAsWritten(folder, word); });
      if (!is_there) missing.push_back(word);
    }
  }
  return missing;
}

}  // namespace skein::tree
