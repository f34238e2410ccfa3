// A count of jobs that a thread of the host waits for.
#ifndef SKEIN_SERVING_LATCH_H_
#define SKEIN_SERVING_LATCH_H_

#include <cstddef>

#include "base/mutex.h"

namespace skein {

// Threads: any.
class Latch {
 public:
  void Add() {
    const MutexLock lock(mutex_);
    ++count_;
  }
  void CountDown() {
    const MutexLock lock(mutex_);
    --count_;
    changed_.NotifyAll();
  }
  // Waits until at most `count` jobs run, and gives their number.
  size_t WaitForAtMost(size_t count) {
    const MutexLock lock(mutex_);
    while (count_ > count) changed_.Wait(mutex_);
    return count_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  size_t count_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace skein

#endif  // SKEIN_SERVING_LATCH_H_
