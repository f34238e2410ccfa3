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
  // Replaces the callback; NULL: there is none. When this returns, the old callback is not running on another thread,
  // and is not entered any more. For that it waits while another thread is in the callback. Called from within the
  // callback, it does not wait.
  void Set(skein_wakeup_fn callback, void* argument) noexcept;

  // Calls the callback, if there is one. Calls come one at a time: if Call is called while the callback runs, also from
  // within it, the callback runs once more.
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
