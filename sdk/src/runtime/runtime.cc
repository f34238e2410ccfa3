#include "runtime/runtime.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/status.h"
#include "files/checkpoint/foreign_file.h"
#include "files/open.h"
#include "runtime/option_keys.h"
#include "runtime/vocabulary_choice.h"
#include "runtime/worker.h"
#include "skein/runtime.h"

namespace skein {

Runtime::Runtime(uint32_t num_threads)
    : services_(num_threads, [this](uint32_t severity, absl::string_view line) { log_.Add(severity, line); }) {}

absl::StatusOr<std::shared_ptr<Runtime>> Runtime::Create(const Options& options, const std::string& library_folder) {
  const auto num_threads = static_cast<uint32_t>(options[runtime_options::kThreads]);
  std::shared_ptr<Runtime> runtime(new Runtime(num_threads));
  if (runtime->services_.num_threads() < num_threads) {
    runtime->log_.Add(SKEIN_LOG_WARNING,
                      absl::StrCat("threads ", num_threads, ": expected at most ", runtime->services_.num_threads(),
                                   ", one per processor of this process; so many compute"));
  }
  const std::string trace = options[runtime_options::kTrace];
  if (!trace.empty()) {
    SKEIN_ASSIGN_OR_RETURN(runtime->trace_, Trace::Open(trace, runtime->log_));
  }
  if (options[runtime_options::kSearch] == 0) return runtime;

  // The caller of a set-user-id program sets its environment, and must not have it load code (secure_getenv).
  std::string folders = options[runtime_options::kPluginPath];
  if (const char* environment = secure_getenv("SKEIN_PLUGIN_PATH")) absl::StrAppend(&folders, ":", environment);
  for (const absl::string_view folder : absl::StrSplit(folders, ':', absl::SkipEmpty())) {
    // A relative folder would mean the current directory, from which nothing is ever loaded.
    if (folder[0] != '/') {
      runtime->log_.Add(SKEIN_LOG_WARNING,
                        absl::StrCat("plugin folder \"", folder, "\" is skipped: expected an absolute path"));
      continue;
    }
    runtime->plugins_.LoadFolder(std::string(folder));
  }
  if (!library_folder.empty()) runtime->plugins_.LoadFolder(library_folder + "/skein/plugins-1", PluginOrigin::kOwn);
  RenewExitWait();
  for (const PluginRecord& record : runtime->plugins_.records()) {
    // Of two plugins with one id the first is used. Leaving the second out is not worth a warning.
    if (record.table == nullptr) {
      runtime->log_.Add(record.is_duplicate ? SKEIN_LOG_INFO : SKEIN_LOG_WARNING,
                        absl::StrCat("plugin refused: ", record.reason));
    }
  }
  return runtime;
}

DeviceList Runtime::ListDevices() {
  // A backend that gives a new reason every time does not fill the memory.
  constexpr size_t kMostKnown = 64;
  DeviceList list = skein::ListDevices(plugins_.backends());
  const MutexLock lock(devices_mutex_);
  for (const DeviceProblem& problem : list.problems) {
    if (known_problems_.size() == kMostKnown) break;
    if (std::find(known_problems_.begin(), known_problems_.end(), problem.reason) != known_problems_.end()) continue;
    log_.Add(problem.is_absence ? SKEIN_LOG_INFO : SKEIN_LOG_WARNING,
             absl::StrCat("device left out: ", problem.reason));
    known_problems_.push_back(problem.reason);
  }
  return list;
}

std::string Runtime::MissingDevicesText(absl::Span<const DeviceProblem> problems) const {
  constexpr size_t kMostShown = 4;
  std::vector<std::string> reasons;
  for (const PluginRecord& record : plugins_.records()) {
    if (record.table == nullptr && !record.is_duplicate) reasons.push_back(record.reason);
  }
  for (const DeviceProblem& problem : problems) reasons.push_back(problem.reason);
  if (reasons.size() > kMostShown) {
    const std::string rest = absl::StrCat(reasons.size() - kMostShown, " more");
    reasons.resize(kMostShown);
    reasons.push_back(rest);
  }
  return absl::StrJoin(reasons, "; ");
}

absl::StatusOr<std::shared_ptr<Device>> Runtime::OpenDevice(const DeviceDescription& description) {
  const MutexLock lock(devices_mutex_);
  open_devices_.erase(std::remove_if(open_devices_.begin(), open_devices_.end(),
                                     [](const std::weak_ptr<Device>& device) { return device.expired(); }),
                      open_devices_.end());
  for (const std::weak_ptr<Device>& weak : open_devices_) {
    std::shared_ptr<Device> device = weak.lock();
    if (device != nullptr && !device->is_lost() && device->description().plugin.table == description.plugin.table &&
        device->description().index == description.index) {
      return device;
    }
  }
  SKEIN_ASSIGN_OR_RETURN(std::shared_ptr<Device> device, Device::Open(host(), description));
  RenewExitWait();
  open_devices_.push_back(device);
  return device;
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> Runtime::LoadTokenizer(const std::string& path,
                                                                        const std::string& kind) {
  absl::StatusOr<std::shared_ptr<const Tokenizer>> tokenizer = LoadVocabulary(path, kind);
  // A file that no tokenizer plugin recognises, or a folder, may be a model.
  if (!kind.empty() || !absl::IsInvalidArgument(tokenizer.status())) return tokenizer;
  const absl::StatusOr<std::unique_ptr<ModelFile>> model =
      OpenModelFile(plugins_.formats(), host(), path, FileAccess::kMap);
  if (absl::IsInvalidArgument(model.status())) return tokenizer;
  SKEIN_RETURN_IF_ERROR(model.status());
  SKEIN_ASSIGN_OR_RETURN(ModelTokenizer of_model, TokenizerOf(**model));
  if (of_model.tokenizer == nullptr) {
    return absl::NotFoundError(absl::StrCat(path, ": the model has no vocabulary: ", of_model.absence));
  }
  return std::move(of_model.tokenizer);
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> Runtime::LoadVocabulary(const std::string& path,
                                                                         const std::string& kind) {
  const std::vector<TokenizerPlugin> plugins = plugins_.tokenizers();
  const std::optional<TokenizerPlugin> named = FindVocabularyName(plugins, path);
  if (named && (kind.empty() || kind == named->id)) {
    const auto* name = reinterpret_cast<const uint8_t*>(path.data());
    return Tokenizer::Create(plugins, host(), named->id, {name, path.size()}, path);
  }
  if (!named && (path == "world" || path == "bytes") && !IsRegularFile(path)) {
    return absl::NotFoundError(absl::StrCat(path, ": no tokenizer plugin that knows this vocabulary is loaded"));
  }
  // The file is mapped, because it may turn out to be a model of any size. Probing and building read it once.
  SKEIN_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, File::Open(path, FileAccess::kMap));
  SKEIN_RETURN_IF_ERROR(RefuseStandIn(path, file->bytes()));
  return Tokenizer::Create(plugins, host(), kind, file->bytes(), path);
}

absl::StatusOr<ModelTokenizer> Runtime::TokenizerOf(const ModelFile& file) {
  SKEIN_ASSIGN_OR_RETURN(VocabularyChoice choice, ChooseVocabulary(plugins_.tokenizers(), host(), file));
  SKEIN_ASSIGN_OR_RETURN(auto tokenizer, MakeTokenizer(plugins_.tokenizers(), host(), file, &choice));
  for (const std::string& warning : choice.warnings) log_.Add(SKEIN_LOG_WARNING, warning);
  return ModelTokenizer{std::move(tokenizer), std::move(choice.absence)};
}

}  // namespace skein
