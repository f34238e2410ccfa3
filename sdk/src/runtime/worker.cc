#include "runtime/worker.h"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <list>
#include <system_error>
#include <thread>
#include <utility>

#include "base/mutex.h"

namespace skein {
namespace {

constexpr std::chrono::seconds kExitTime(10);

// The workers of this process. One list for all runtimes, since the end of a process is the end of all.
class Workers {
 public:
  struct Worker {
    std::function<void()> stop;
    std::thread thread;
    bool ended = false;  // its thread has nothing left to do but to end
  };
  using Position = std::list<Worker>::iterator;

  // Starts `run` with the position of its worker, which it gives to End as its last act.
  bool Start(std::function<void(Position)> run, std::function<void()> stop) {
    const MutexLock lock(mutex_);
    JoinEnded();
    const Position position = workers_.insert(workers_.end(), Worker());
    position->stop = std::move(stop);
    try {
      position->thread = std::thread(std::move(run), position);
    } catch (const std::system_error&) {
      workers_.erase(position);
      return false;
    }
    return true;
  }
  void End(Position position) {
    const MutexLock lock(mutex_);
    position->ended = true;
    ended_.NotifyAll();
  }
  void StopAndWait() {
    if (getpid() != process_) return;  // a forked child has none of these threads
    const auto deadline = std::chrono::steady_clock::now() + kExitTime;
    const MutexLock lock(mutex_);
    for (const Worker& worker : workers_) worker.stop();
    do {
      JoinEnded();
    } while (!workers_.empty() && ended_.WaitUntil(mutex_, deadline));
  }

 private:
  void JoinEnded() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (Position worker = workers_.begin(); worker != workers_.end();) {
      if (worker->ended) {
        worker->thread.join();
        worker = workers_.erase(worker);
      } else {
        ++worker;
      }
    }
  }

  const pid_t process_ = getpid();
  Mutex mutex_;
  CondVar ended_;
  std::list<Worker> workers_ ABSL_GUARDED_BY(mutex_);
};

// Never destroyed: a worker that outlasts the wait still uses it.
Workers& ProcessWorkers() {
  static Workers& workers = *new Workers;
  return workers;
}

}  // namespace

void RenewExitWait() {
  std::atexit([] { ProcessWorkers().StopAndWait(); });
}

bool StartWorker(std::function<void()> body, std::function<void()> stop) {
  Workers& workers = ProcessWorkers();
  RenewExitWait();
  return workers.Start(
      [&workers, body = std::move(body)](Workers::Position position) mutable {
        body();
        body = nullptr;  // what the worker owns goes before it counts as ended
        workers.End(position);
      },
      std::move(stop));
}

}  // namespace skein
