// The callback by which a host is told that its queue has events.
#ifndef SKEIN_SERVING_WAKEUP_H_
#define SKEIN_SERVING_WAKEUP_H_

#include <cstdint>
#include <thread>

#include "base/mutex.h"
#include "skein/request.h"

namespace skein {

// Threads: any. No lock is held while the callback runs.
class Wakeup {
 public:
  // Puts another callback in place; NULL: none. When this returns, the one before is not running and will not be
  // entered any more: it waits for a call that another thread is in. Called from within the callback, it does not wait.
  void Set(skein_wakeup_fn callback, void* argument) noexcept;

  // Calls the callback, if there is one. One call at a time: what comes while it runs, also from within it, makes it
  // run once more.
  void Call() noexcept;

 private:
  Mutex mutex_;
  CondVar left_;
  skein_wakeup_fn callback_ ABSL_GUARDED_BY(mutex_) = nullptr;
  void* argument_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool is_wanted_ ABSL_GUARDED_BY(mutex_) = false;   // a call is to be made
  bool is_running_ ABSL_GUARDED_BY(mutex_) = false;  // a thread makes calls
  std::thread::id caller_ ABSL_GUARDED_BY(mutex_);   // that thread
  uint64_t num_calls_ ABSL_GUARDED_BY(mutex_) = 0;   // that were begun
};

}  // namespace skein

#endif  // SKEIN_SERVING_WAKEUP_H_
