#include "files/checkpoint/model_folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "base/status.h"
#include "files/checkpoint/known_formats.h"

namespace skein {
namespace {

constexpr const char* kUsualNames[] = {"model.safetensors.index.json", "model.safetensors",
                                       "pytorch_model.bin.index.json", "pytorch_model.bin"};

bool IsFolder(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// A file that trainers leave beside the weights, and the endings of names by which DeepSpeed's files are known.
constexpr const char* kLatest = "latest";
constexpr const char* kDeepSpeedModel = "_model_states.pt";
constexpr const char* kDeepSpeedOptimiser = "_optim_states.pt";

// "NAME-00002-of-00005.gguf": a GGUF file that is not the first of its model, which stands for all.
bool IsLaterShard(absl::string_view name) {
  if (!absl::ConsumeSuffix(&name, ".gguf")) return false;
  const size_t of = name.rfind("-of-");
  const size_t dash = of == absl::string_view::npos ? of : name.rfind('-', of - 1);
  if (dash == absl::string_view::npos || of == 0) return false;
  const absl::string_view number = name.substr(dash + 1, of - dash - 1);
  int value = 0;
  return absl::SimpleAtoi(number, &value) && value > 1;
}

// The files of DeepSpeed's processes have parts of one model; the first tells whether it is whole.
std::vector<std::string> FirstOfDeepSpeed(const std::vector<std::string>& found) {
  const bool are_parts = !found.empty() && std::all_of(found.begin(), found.end(), [](const std::string& name) {
    return absl::EndsWith(name, kDeepSpeedModel);
  });
  return are_parts ? std::vector<std::string>{found[0]} : found;
}

// DeepSpeed writes a folder for each step, and the name of the last one into a file.
std::string LatestFolder(const std::string& folder) {
  if (!IsRegularFile(folder + kLatest)) return "";
  const auto file = File::Open(folder + kLatest, FileAccess::kRead);
  constexpr size_t kMaxNameBytes = 255;
  if (!file.ok() || (*file)->bytes().size() > kMaxNameBytes) return "";
  const absl::string_view text(reinterpret_cast<const char*>((*file)->bytes().data()), (*file)->bytes().size());
  const std::string name(absl::StripAsciiWhitespace(text));
  const bool is_plain =
      !name.empty() && name[0] != '.' && name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
  return is_plain && IsFolder(folder + name) ? folder + name : "";
}

// The models in a folder, and what may be meant instead where there is none.
std::vector<std::string> FindModels(const std::string& folder, const std::vector<std::string>& names,
                                    const std::vector<std::string>& extensions) {
  std::vector<std::string> found;
  std::vector<std::string> optimisers;
  for (const std::string& name : names) {
    const bool is_model = std::any_of(extensions.begin(), extensions.end(),
                                      [&](const std::string& extension) { return absl::EndsWith(name, extension); });
    if (!is_model || name[0] == '.' || IsLaterShard(name) || !IsRegularFile(folder + name)) continue;
    (absl::EndsWith(name, kDeepSpeedOptimiser) ? optimisers : found).push_back(name);
  }
  // The error of an optimiser's file says how the weights are joined.
  if (found.empty() && !optimisers.empty()) return {optimisers[0]};
  return FirstOfDeepSpeed(found);
}

}  // namespace

absl::StatusOr<std::string> ResolveFolder(const std::string& path, absl::string_view what,
                                          absl::Span<const char* const> usual_names,
                                          const std::vector<std::string>& extensions) {
  if (!IsFolder(path)) return path;
  const std::string folder = absl::EndsWith(path, "/") ? path : absl::StrCat(path, "/");
  for (const char* name : usual_names) {
    if (IsRegularFile(folder + name)) return folder + name;
  }
  SKEIN_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFolder(path));
  const std::vector<std::string> found = FindModels(folder, names, extensions);
  if (found.size() == 1) return folder + found[0];
  if (found.empty()) {
    if (const std::string latest = LatestFolder(folder); !latest.empty()) {
      return ResolveFolder(latest, what, usual_names, extensions);
    }
  }
  return absl::NotFoundError(
      absl::StrCat(path, ": a folder without ", what, " that could be meant: expected ",
                   absl::StrJoin(usual_names, ", "), ", or one file with ", absl::StrJoin(extensions, ", "), ", found ",
                   found.empty() ? "none" : absl::StrCat(found.size(), ": ", absl::StrJoin(found, ", "))));
}

absl::StatusOr<std::string> ResolveModelPath(const std::string& path,
                                             absl::Span<const Plugin<skein_format_table>> formats) {
  return ResolveFolder(path, "a model", kUsualNames, ModelExtensions(formats));
}

}  // namespace skein
