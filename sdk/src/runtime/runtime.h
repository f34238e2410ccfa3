// The runtime holds the things that all its models share: plugins, devices, the oneTBB arena, log, metrics.
#ifndef SKEIN_RUNTIME_RUNTIME_H_
#define SKEIN_RUNTIME_RUNTIME_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/progress.h"
#include "model/model_file.h"
#include "plugin/backend.h"
#include "plugin/host_services.h"
#include "plugin/registry.h"
#include "runtime/log.h"
#include "runtime/metrics.h"
#include "runtime/options.h"
#include "runtime/trace.h"
#include "runtime/worker.h"
#include "tokenizer/tokenizer.h"

namespace skein {

// The tokenizer of a model whose host names none.
struct ModelTokenizer {
  std::shared_ptr<const Tokenizer> tokenizer;  // nullptr: the model has none
  std::string absence;                         // why it has none, and what to do
};

// Threads: any. Everything made from a runtime holds a reference to it.
class Runtime {
 public:
  // `options` is of kind RUNTIME. `library_folder` is where libskein lies: the folder skein/plugins-1 beside it is
  // searched last.
  static absl::StatusOr<std::shared_ptr<Runtime>> Create(const Options& options, const std::string& library_folder);

  const skein_host& host() const { return services_.host(); }
  HostServices& services() { return services_; }
  PluginRegistry& plugins() { return plugins_; }
  Log& log() { return log_; }
  Metrics& metrics() { return metrics_; }
  Progress& progress() { return progress_; }
  // nullptr: the host asks for none.
  Trace* trace() { return trace_.get(); }

  // The devices of the loaded backends. A problem that was not known before is a warning in the log.
  DeviceList ListDevices();
  // The reasons why a device may be missing: the plugins that were refused for a defect, and `problems`. "" if
  // there are none.
  std::string MissingDevicesText(absl::Span<const DeviceProblem> problems) const;
  // An open device, shared by the models on it. One that was lost is not shared any more, but opened anew.
  absl::StatusOr<std::shared_ptr<Device>> OpenDevice(const DeviceDescription& description);

  // The tokenizer of a vocabulary file, or of a vocabulary that needs none, which `path` names: "world", "bytes". If
  // `path` is that of a model, its TokenizerOf. `kind` "": by content. INVALID_ARGUMENT: neither a vocabulary that a
  // tokenizer plugin recognises nor a model file. NOT_FOUND: no such file, or a model without a vocabulary.
  absl::StatusOr<std::shared_ptr<const Tokenizer>> LoadTokenizer(const std::string& path, const std::string& kind);
  // The tokenizer of the vocabulary that ChooseVocabulary (vocabulary_choice.h) gives. Logs its warnings.
  absl::StatusOr<ModelTokenizer> TokenizerOf(const ModelFile& file);

 private:
  explicit Runtime(uint32_t num_threads);
  absl::StatusOr<std::shared_ptr<const Tokenizer>> LoadVocabulary(const std::string& path, const std::string& kind);

  const RuntimeLife life_;  // destroyed last
  Log log_;
  std::unique_ptr<Trace> trace_;  // constant once the runtime is created
  Metrics metrics_;
  Progress progress_;
  HostServices services_;
  PluginRegistry plugins_;
  mutable Mutex devices_mutex_;
  std::vector<std::weak_ptr<Device>> open_devices_ ABSL_GUARDED_BY(devices_mutex_);
  std::vector<std::string> known_problems_ ABSL_GUARDED_BY(devices_mutex_);  // of devices, that the log has told
};

}  // namespace skein

#endif  // SKEIN_RUNTIME_RUNTIME_H_
