// Computes the fingerprint of a loaded model on a thread of its own, so that the first snapshot of a model that is no
// package need not read all weights in the middle of serving.
#ifndef SKEIN_ENGINE_FINGERPRINT_AHEAD_H_
#define SKEIN_ENGINE_FINGERPRINT_AHEAD_H_

#include <atomic>
#include <memory>

#include "base/mutex.h"
#include "model/model_file.h"
#include "runtime/runtime.h"

namespace skein {

// Threads: any.
class FingerprintAhead {
 public:
  // Starts the thread, which has the least share of the processors, and keeps the file and the runtime until it ends.
  // nullptr: the file knows its fingerprint, or no thread could be started. Then the first snapshot computes it.
  static std::shared_ptr<FingerprintAhead> Start(std::shared_ptr<Runtime> runtime,
                                                 std::shared_ptr<const ModelFile> file);

  // Ends the reading. Waits until the file is read no more, because a host may change a mapped file once it has
  // released the model. That takes some thousands of values, and at most a second.
  void Stop() noexcept;

 private:
  void Run(const ModelFile& file) noexcept;

  std::atomic<bool> is_stopped_ = false;
  Mutex mutex_;
  CondVar ended_;
  bool has_ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace skein

#endif  // SKEIN_ENGINE_FINGERPRINT_AHEAD_H_
