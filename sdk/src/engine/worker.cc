#include "engine/worker.h"

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

// The workers of this process. Process-wide because the end of a process is.
class Workers {
 public:
  using Position = std::list<std::function<void()>>::iterator;

  Position Add(std::function<void()> stop) {
    const MutexLock lock(mutex_);
    return stops_.insert(stops_.end(), std::move(stop));
  }
  void Remove(Position position) {
    const MutexLock lock(mutex_);
    stops_.erase(position);
    ended_.NotifyAll();
  }
  void StopAndWait() {
    if (getpid() != process_) return;  // a forked child has none of these threads
    const auto deadline = std::chrono::steady_clock::now() + kExitTime;
    const MutexLock lock(mutex_);
    for (const auto& stop : stops_) stop();
    while (!stops_.empty() && ended_.WaitUntil(mutex_, deadline)) {
    }
  }

 private:
  const pid_t process_ = getpid();
  Mutex mutex_;
  CondVar ended_;
  std::list<std::function<void()>> stops_ ABSL_GUARDED_BY(mutex_);
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
  const Workers::Position position = workers.Add(std::move(stop));
  try {
    std::thread([&workers, position, body = std::move(body)]() mutable {
      body();
      body = nullptr;  // what the worker owns goes before it counts as ended
      workers.Remove(position);
    }).detach();
  } catch (const std::system_error&) {
    workers.Remove(position);
    return false;
  }
  return true;
}

}  // namespace skein
