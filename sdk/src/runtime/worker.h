// What the end of the process waits for, so that no code of the library runs while the libraries below it are torn
// down: the library's own threads, and long work on threads of the host's. Nothing else waits for either: releasing a
// handle never waits for inference, so a worker owns what it uses, and the last one out frees it.
//
// The wait is bounded: ten seconds for the whole process.
#ifndef SKEIN_RUNTIME_WORKER_H_
#define SKEIN_RUNTIME_WORKER_H_

#include <pthread.h>

#include <functional>

namespace skein {

// Runs `body` on a thread of its own, in the default floating-point environment, and destroys it there. `stop` is
// called from another thread when the process ends before `body` has returned; it makes it return soon, and holds no
// reference to what the worker owns. False: no thread could be started, or the process is ending. May throw
// std::bad_alloc; then there is no thread either.
bool StartWorker(std::function<void()> body, std::function<void()> stop);

// Exit handlers run in reverse order of registration, and libraries register theirs at first use (oneDNN's caches do).
// To be called after whatever may have made a library do so: a plugin loaded, a device opened, a worker's first step.
// Then the wait comes before what they registered.
void RenewExitWait();

// Long work of the library on a thread of the host's, such as a load, for as long as this lives. It asks
// CheckProcessGoesOn (base/process_end.h) now and then, so that the end of the process is not held up by it.
class HostWork {
 public:
  HostWork();
  ~HostWork();
  HostWork(const HostWork&) = delete;
  HostWork& operator=(const HostWork&) = delete;

 private:
  friend class ProcessEnd;

  // The works are a list without allocations; under the lock of ProcessEnd.
  HostWork* previous_ = nullptr;
  HostWork* next_ = nullptr;
  const pthread_t thread_;
};

}  // namespace skein

#endif  // SKEIN_RUNTIME_WORKER_H_
