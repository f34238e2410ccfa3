// Computes the fingerprint of a model on a thread of its own while the model is loaded and afterwards, so that the
// first snapshot of a model that is no package need not read all weights in the middle of serving.
#ifndef SKEIN_ENGINE_FINGERPRINT_AHEAD_H_
#define SKEIN_ENGINE_FINGERPRINT_AHEAD_H_

#include <atomic>
#include <memory>
#include <utility>

#include "base/mutex.h"
#include "model/model_file.h"
#include "runtime/runtime.h"

namespace skein {

// Threads: any.
class FingerprintAhead {
 public:
  // Starts the thread, which keeps the file and the runtime until it ends. nullptr: the file knows its fingerprint, or
  // no thread could be started. Then the first snapshot computes it.
  static std::unique_ptr<FingerprintAhead> Start(std::shared_ptr<Runtime> runtime,
                                                 std::shared_ptr<const ModelFile> file);

  // The model is loaded: from now on the thread has the least share of the processors.
  void OnLoaded() noexcept { reading_->is_loaded = true; }

  // Ends the reading. Waits until the file is read no more, because a host may change a mapped file once it has
  // released the model, or could not load it. That takes some thousands of values, and at most a second.
  ~FingerprintAhead();
  FingerprintAhead(const FingerprintAhead&) = delete;
  FingerprintAhead& operator=(const FingerprintAhead&) = delete;

 private:
  // The state that the thread shares with its owner.
  struct Reading {
    std::atomic<bool> is_loaded = false;
    std::atomic<bool> is_stopped = false;
    Mutex mutex;
    CondVar ended;
    bool has_ended ABSL_GUARDED_BY(mutex) = false;
  };

  explicit FingerprintAhead(std::shared_ptr<Reading> reading) : reading_(std::move(reading)) {}
  static void Run(Reading& reading, const ModelFile& file) noexcept;

  const std::shared_ptr<Reading> reading_;
};

}  // namespace skein

#endif  // SKEIN_ENGINE_FINGERPRINT_AHEAD_H_
