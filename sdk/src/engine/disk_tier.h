// The way of states from host memory to the disk and back, on the threads of a mover. The engine's thread asks, and
// never waits for the disk. It keeps some places in host memory free, for the states that come back and for those that
// leave their slots.
#ifndef SKEIN_ENGINE_DISK_TIER_H_
#define SKEIN_ENGINE_DISK_TIER_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "engine/state_mover.h"
#include "runtime/log.h"
#include "runtime/model_observer.h"
#include "state/host_states.h"
#include "state/state_disk.h"
#include "state/state_pool.h"

namespace skein {

// Threads: one at a time, the engine's.
class DiskTier {
 public:
  // `observer` hears of the states that come back. `on_moved` is called on the mover's threads, without a lock, when a
  // state has arrived or failed to. It must not throw. `log` outlives the tier's moves.
  static absl::StatusOr<std::unique_ptr<DiskTier>> Start(std::shared_ptr<StatePool> pool,
                                                         std::shared_ptr<HostStates> host,
                                                         std::shared_ptr<StateDisk> disk, Log& log,
                                                         std::shared_ptr<ModelObserver> observer,
                                                         std::function<void()> on_moved);

  // Sends states to the disk, those that were parked longest ago, while few places in host memory are free. Throws
  // std::bad_alloc. True: some are on their way, to the disk or from it, or were since the call began, so that
  // `on_moved` is still to come or has just come.
  bool PushOut();

  enum class Fetch {
    kComing,   // it is on its way
    kNoPlace,  // there is no free place for it in host memory
    kLater,    // others are on their way
    kOthers,   // those that came before it have to go on to slots first
  };
  // Asks for a state that is on disk and not on its way. Throws std::bad_alloc.
  Fetch Bring(const StateRef& state);

  // Has the mover give back the space of states that are not on disk any more, if that is much.
  void Rest() noexcept;

  // For errors: how much is on disk, and why a state could not be written last, if that is not long ago.
  std::string Describe() const;

 private:
  // The part of the tier that moves share with it.
  struct Ways {
    Ways(Log& of, std::shared_ptr<ModelObserver> by, std::function<void()> call)
        : log(of), observer(std::move(by)), on_moved(std::move(call)) {}
    Log& log;
    const std::shared_ptr<ModelObserver> observer;
    const std::function<void()> on_moved;
    std::atomic<uint64_t> num_leaving{0};
    std::atomic<uint64_t> num_coming{0};
    std::atomic<bool> is_giving_back{false};
    mutable Mutex mutex;
    absl::Status failure ABSL_GUARDED_BY(mutex);  // of the last write
    std::chrono::steady_clock::time_point failed_at ABSL_GUARDED_BY(mutex);

    void OnWritten(const absl::Status& status) noexcept;
    bool MayWrite() const;
  };
  class Leave;
  class Return;
  class GiveBack;

  DiskTier(std::shared_ptr<StatePool> pool, std::shared_ptr<HostStates> host, std::shared_ptr<StateDisk> disk,
           std::shared_ptr<StateMover> mover, std::shared_ptr<Ways> ways);
  bool PushOutOne();
  bool IsMoving() const { return ways_->num_leaving.load() + ways_->num_coming.load() > 0; }

  const std::shared_ptr<StatePool> pool_;
  const std::shared_ptr<HostStates> host_;
  const std::shared_ptr<StateDisk> disk_;
  const std::shared_ptr<StateMover> mover_;
  const std::shared_ptr<Ways> ways_;
  const uint64_t num_kept_free_;
};

}  // namespace skein

#endif  // SKEIN_ENGINE_DISK_TIER_H_
