#include "files/checkpoint/model_folder.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace skein {
namespace {

constexpr const char* kUsualNames[] = {"model.safetensors.index.json", "model.safetensors", "pytorch_model.bin"};

// ".skein", and those that the plugins name.
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

absl::StatusOr<std::string> ResolveModelPath(const std::string& path,
                                             absl::Span<const Plugin<skein_format_table>> formats) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return path;
  const std::string folder = absl::EndsWith(path, "/") ? path : absl::StrCat(path, "/");
  for (const char* name : kUsualNames) {
    if (std::filesystem::is_regular_file(folder + name, error)) return folder + name;
  }
  const std::vector<std::string> extensions = ModelExtensions(formats);
  std::vector<std::string> found;
  std::filesystem::directory_iterator entry(path, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const bool is_model = std::any_of(extensions.begin(), extensions.end(),
                                      [&](const std::string& extension) { return absl::EndsWith(name, extension); });
    std::error_code type_error;
    if (is_model && name[0] != '.' && entry->is_regular_file(type_error)) found.push_back(name);
  }
  if (error) return absl::NotFoundError(absl::StrCat(path, ": cannot read the folder: ", error.message()));
  if (found.size() == 1) return folder + found[0];
  std::sort(found.begin(), found.end());
  return absl::NotFoundError(
      absl::StrCat(path, ": a folder without a model that could be meant: expected ", absl::StrJoin(kUsualNames, ", "),
                   ", or one file with ", absl::StrJoin(extensions, ", "), ", found ",
                   found.empty() ? "none" : absl::StrCat(found.size(), ": ", absl::StrJoin(found, ", "))));
}

}  // namespace skein
