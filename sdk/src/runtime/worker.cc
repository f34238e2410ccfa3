#include "runtime/worker.h"

#include <chrono>
#include <cstdlib>
#include <list>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "base/forked_child.h"
#include "base/fp_environment.h"
#include "base/mutex.h"
#include "base/process_end.h"

namespace skein {

// Process-wide because the end of a process is.
class ProcessEnd {
 public:
  struct Worker {
    std::function<void()> stop;
    std::thread thread;
    bool ended = false;  // its thread has only to end
  };
  using Position = std::list<Worker>::iterator;

  // Never destroyed: a worker that outlasts the wait still uses it.
  static ProcessEnd& Get() {
    static ProcessEnd& process_end = *new ProcessEnd;
    return process_end;
  }
  // Makes the process wait; see RenewExitWait.
  static int Register() {
    return std::atexit([] { Get().StopAndWait(); });
  }

  // Starts `run` with the position of its worker, which it gives to End as its last act.
  bool Start(std::function<void(Position)> run, std::function<void()> stop);
  void End(Position position);

  void Add(HostWork& work);
  void Remove(HostWork& work);

  void AddRuntime();
  void RemoveRuntime();

  bool WaitForRuntimes(std::chrono::milliseconds time);
  void LockForFork() ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex_);
  void UnlockInParent() ABSL_UNLOCK_FUNCTION(mutex_) { mutex_.Unlock(); }
  void UnlockInChild() ABSL_UNLOCK_FUNCTION(mutex_);

  // The exit handler. It may run several times; all of them together wait for kExitTime.
  void StopAndWait();

 private:
  static constexpr std::chrono::seconds kExitTime{10};

  // No more workers start from now on. Gives the `stop` of one that has not been told; nullptr: all have.
  std::function<void()> TakeStop();

  void JoinEnded() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsQuiet() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Whether nothing is left of any runtime. Threads that have ended are joined by then.
  bool IsUnused() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  CondVar ended_;
  std::list<Worker> workers_ ABSL_GUARDED_BY(mutex_);
  HostWork* first_work_ ABSL_GUARDED_BY(mutex_) = nullptr;
  uint64_t num_runtimes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<std::chrono::steady_clock::time_point> deadline_ ABSL_GUARDED_BY(mutex_);
};

namespace {

// Registered also when the library is loaded, which is after the libraries below it: the process may end while the
// first call runs.
[[maybe_unused]] const int is_registered = ProcessEnd::Register();

}  // namespace

bool ProcessEnd::Start(std::function<void(Position)> run, std::function<void()> stop) {
  const MutexLock lock(mutex_);
  if (deadline_.has_value()) return false;  // nobody would stop the new worker
  JoinEnded();
  const Position position = workers_.insert(workers_.end(), Worker());
  position->stop = std::move(stop);
  try {
    position->thread = std::thread(std::move(run), position);
  } catch (const std::system_error&) {
    workers_.erase(position);
    return false;
  } catch (...) {
    workers_.erase(position);
    throw;
  }
  return true;
}

void ProcessEnd::End(Position position) {
  const MutexLock lock(mutex_);
  position->ended = true;
  ended_.NotifyAll();
}

void ProcessEnd::Add(HostWork& work) {
  const MutexLock lock(mutex_);
  work.next_ = first_work_;
  if (first_work_ != nullptr) first_work_->previous_ = &work;
  first_work_ = &work;
}

void ProcessEnd::Remove(HostWork& work) {
  const MutexLock lock(mutex_);
  (work.previous_ != nullptr ? work.previous_->next_ : first_work_) = work.next_;
  if (work.next_ != nullptr) work.next_->previous_ = work.previous_;
  ended_.NotifyAll();
}

void ProcessEnd::AddRuntime() {
  const MutexLock lock(mutex_);
  ++num_runtimes_;
}

void ProcessEnd::RemoveRuntime() {
  const MutexLock lock(mutex_);
  --num_runtimes_;
  ended_.NotifyAll();
}

bool ProcessEnd::WaitForRuntimes(std::chrono::milliseconds time) {
  const auto deadline = std::chrono::steady_clock::now() + time;
  const MutexLock lock(mutex_);
  while (!IsUnused()) {
    if (!ended_.WaitUntil(mutex_, deadline)) return IsUnused();
  }
  return true;
}

// A thread that ended and was not joined would be joined by the child, which has no such thread.
bool ProcessEnd::IsUnused() {
  JoinEnded();
  return num_runtimes_ == 0 && workers_.empty() && first_work_ == nullptr;
}

void ProcessEnd::LockForFork() {
  mutex_.Lock();
  JoinEnded();
}

void ProcessEnd::UnlockInChild() {
  // Nothing is joined here: a worker in the list, ended or not, is a thread of the parent's.
  if (num_runtimes_ != 0 || !workers_.empty() || first_work_ != nullptr) MarkForkedChild();
  mutex_.Unlock();
}

void ProcessEnd::StopAndWait() {
  if (IsForkedChild()) return;  // it has none of these threads
  AnnounceProcessEnd();
  // Without the lock, since a worker that is told may let go of its runtime, whose end takes the lock.
  while (const std::function<void()> stop = TakeStop()) stop();
  const MutexLock lock(mutex_);
  do {
    JoinEnded();
  } while (!IsQuiet() && ended_.WaitUntil(mutex_, *deadline_));
}

std::function<void()> ProcessEnd::TakeStop() {
  const MutexLock lock(mutex_);
  if (!deadline_.has_value()) deadline_ = std::chrono::steady_clock::now() + kExitTime;
  for (Worker& worker : workers_) {
    if (worker.stop != nullptr) return std::exchange(worker.stop, nullptr);
  }
  return nullptr;
}

void ProcessEnd::JoinEnded() {
  for (Position worker = workers_.begin(); worker != workers_.end();) {
    if (worker->ended) {
      worker->thread.join();
      worker = workers_.erase(worker);
    } else {
      ++worker;
    }
  }
}

// The thread that ends the process does not wait for itself: it may be inside a plugin that has called exit().
bool ProcessEnd::IsQuiet() const {
  for (const Worker& worker : workers_) {
    if (worker.thread.get_id() != std::this_thread::get_id()) return false;
  }
  for (const HostWork* work = first_work_; work != nullptr; work = work->next_) {
    if (pthread_equal(work->thread_, pthread_self()) == 0) return false;
  }
  return true;
}

HostWork::HostWork() : thread_(pthread_self()) { ProcessEnd::Get().Add(*this); }
HostWork::~HostWork() { ProcessEnd::Get().Remove(*this); }

RuntimeLife::RuntimeLife() { ProcessEnd::Get().AddRuntime(); }
RuntimeLife::~RuntimeLife() { ProcessEnd::Get().RemoveRuntime(); }

bool WaitForRuntimes(std::chrono::milliseconds time) { return ProcessEnd::Get().WaitForRuntimes(time); }
void LockForFork() { ProcessEnd::Get().LockForFork(); }
void UnlockInParent() { ProcessEnd::Get().UnlockInParent(); }
void UnlockInChild() { ProcessEnd::Get().UnlockInChild(); }

void RenewExitWait() { ProcessEnd::Register(); }

bool StartWorker(std::function<void()> body, std::function<void()> stop) {
  ProcessEnd& process_end = ProcessEnd::Get();
  RenewExitWait();
  return process_end.Start(
      [&process_end, body = std::move(body)](ProcessEnd::Position position) mutable {
        SetDefaultFpEnvironment();
        body();
        body = nullptr;  // the worker's objects go before it counts as ended
        process_end.End(position);
      },
      std::move(stop));
}

}  // namespace skein
