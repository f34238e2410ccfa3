// A thread of the library that no release joins. Releasing a handle never waits for inference, so a worker owns the
// objects that it uses, and the last owner frees them. Only the end of the process waits, for a bounded time, so that
// no step runs while the libraries below are torn down.
#ifndef SKEIN_RUNTIME_WORKER_H_
#define SKEIN_RUNTIME_WORKER_H_

#include <functional>

namespace skein {

// Runs `body` on a thread of its own and destroys it there. If the process ends before `body` has returned, another
// thread calls `stop`. `stop` makes `body` return soon, and holds no reference to objects of the worker. False: no
// thread could be started.
bool StartWorker(std::function<void()> body, std::function<void()> stop);

// Exit handlers run in reverse order of registration, and libraries register theirs at first use (oneDNN's caches do).
// A worker calls this after its first step, so that the wait for workers comes before the handlers that the step
// registered.
void RenewExitWait();

}  // namespace skein

#endif  // SKEIN_RUNTIME_WORKER_H_
