// The end of the process waits for the library's own threads, and for its long work on threads of the host's. So no
// code of the library runs while the libraries below it are torn down. Nothing else waits for them: releasing a handle
// never waits for inference. So a worker owns the things that it uses, and the last owner frees them.
//
// The wait is bounded: ten seconds for the whole process.
#ifndef SKEIN_RUNTIME_WORKER_H_
#define SKEIN_RUNTIME_WORKER_H_

#include <pthread.h>

#include <chrono>
#include <functional>

namespace skein {

// Runs `body` on a thread of its own, in the default floating-point environment, and destroys it there. If the process
// ends before `body` has returned, another thread calls `stop`, which makes `body` return soon. `stop` holds no
// reference to anything that the worker owns. False: no thread could be started, or the process is ending. May throw
// std::bad_alloc; then there is no thread either.
bool StartWorker(std::function<void()> body, std::function<void()> stop);

// Makes the wait run before the exit handlers that libraries have registered by now. Exit handlers run in reverse order
// of registration, and some libraries register theirs at first use, such as oneDNN's caches. Call it after everything
// that may be such a first use: a plugin loaded, a device opened, a worker's first step.
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

// A runtime, from its making until nothing of it is left.
class RuntimeLife {
 public:
  RuntimeLife();
  ~RuntimeLife();
  RuntimeLife(const RuntimeLife&) = delete;
  RuntimeLife& operator=(const RuntimeLife&) = delete;
};

// --- fork ---
//
// A child of a fork may use the library if no runtime, worker or long work was alive at the fork: then the child lacks
// no thread. These are called around a fork, by the thread that forks.

// Waits until no runtime is alive, `time` at most. False: one still is. A model that was released just now may still
// have its thread.
bool WaitForRuntimes(std::chrono::milliseconds time);
void LockForFork();
void UnlockInParent();
// Marks the child (base/forked_child.h) if it may not use the library.
void UnlockInChild();

}  // namespace skein

#endif  // SKEIN_RUNTIME_WORKER_H_
