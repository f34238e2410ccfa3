#include "files/checkpoint/model_folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/status.h"

namespace skein {
namespace {

constexpr const char* kUsualNames[] = {"model.safetensors.index.json", "model.safetensors", "pytorch_model.bin"};

// ".skein", and the extensions that the plugins name.
std::vector<std::string> ModelExtensions(absl::Span<const Plugin<skein_format_table>> formats) {
  std::vector<std::string> extensions = {".skein"};
  for (const Plugin<skein_format_table>& format : formats) {
    if (format.table->extensions == nullptr) continue;
    for (const absl::string_view extension : absl::StrSplit(format.table->extensions, ' ', absl::SkipEmpty())) {
      extensions.emplace_back(extension);
    }
  }
  return extensions;
}

}  // namespace

absl::StatusOr<std::string> ResolveFolder(const std::string& path, absl::string_view what,
                                          absl::Span<const char* const> usual_names,
                                          absl::Span<const Plugin<skein_format_table>> formats) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return path;
  const std::string folder = absl::EndsWith(path, "/") ? path : absl::StrCat(path, "/");
  for (const char* name : usual_names) {
    if (IsRegularFile(folder + name)) return folder + name;
  }
  const std::vector<std::string> extensions = ModelExtensions(formats);
  SKEIN_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFolder(path));
  std::vector<std::string> found;
  for (const std::string& name : names) {
    const bool is_model = std::any_of(extensions.begin(), extensions.end(),
                                      [&](const std::string& extension) { return absl::EndsWith(name, extension); });
    if (is_model && name[0] != '.' && IsRegularFile(folder + name)) found.push_back(name);
  }
  if (found.size() == 1) return folder + found[0];
  return absl::NotFoundError(
      absl::StrCat(path, ": a folder without ", what, " that could be meant: expected ",
                   absl::StrJoin(usual_names, ", "), ", or one file with ", absl::StrJoin(extensions, ", "), ", found ",
                   found.empty() ? "none" : absl::StrCat(found.size(), ": ", absl::StrJoin(found, ", "))));
}

absl::StatusOr<std::string> ResolveModelPath(const std::string& path,
                                             absl::Span<const Plugin<skein_format_table>> formats) {
  return ResolveFolder(path, "a model", kUsualNames, formats);
}

}  // namespace skein
