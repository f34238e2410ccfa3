#include "serving/wakeup.h"

namespace skein {

void Wakeup::Set(skein_wakeup_fn callback, void* argument) noexcept {
  const MutexLock lock(mutex_);
  callback_ = callback;
  argument_ = argument;
  const uint64_t num_calls = num_calls_;
  // Later calls go to the new callback.
  while (is_running_ && num_calls_ == num_calls && caller_ != std::this_thread::get_id()) left_.Wait(mutex_);
}

void Wakeup::Call() noexcept {
  mutex_.Lock();
  is_wanted_ = true;
  if (!is_running_) {
    is_running_ = true;
    caller_ = std::this_thread::get_id();
    while (is_wanted_ && callback_ != nullptr) {
      is_wanted_ = false;
      ++num_calls_;
      const skein_wakeup_fn callback = callback_;
      void* const argument = argument_;
      mutex_.Unlock();
      callback(argument);
      mutex_.Lock();
      left_.NotifyAll();
    }
    is_wanted_ = false;
    is_running_ = false;
    left_.NotifyAll();
  }
  mutex_.Unlock();
}

}  // namespace skein
