// The settings of a host's thread that must not act on a call of the library that runs on it.
#ifndef SKEIN_ABI_CALL_ENVIRONMENT_H_
#define SKEIN_ABI_CALL_ENVIRONMENT_H_

#include <pthread.h>

#include "base/fp_environment.h"

namespace skein::abi {

// While it lives, pthread_cancel does not act on the calling thread. Cancelling unwinds the stack by an exception that
// nobody may catch for good, through locks and waits that cannot be left half done. A cancellation acts after the call,
// at the thread's next cancellation point.
class CancellationOff {
 public:
  CancellationOff() { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
  ~CancellationOff() { pthread_setcancelstate(before_, nullptr); }
  CancellationOff(const CancellationOff&) = delete;
  CancellationOff& operator=(const CancellationOff&) = delete;

 private:
  int before_ = PTHREAD_CANCEL_ENABLE;
};

// While it lives, the calling thread has the settings of the library's own threads. Afterwards it has its own again.
class CallEnvironment {
  CancellationOff cancellation_off_;
  DefaultFpEnvironment fp_environment_;  // a load computes on the host's thread, and threads that it starts inherit it
};

}  // namespace skein::abi

#endif  // SKEIN_ABI_CALL_ENVIRONMENT_H_
