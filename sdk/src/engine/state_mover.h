// The threads that move states between memory and disk for one model, so that the engine's thread never waits for a
// disk. What is moved, and where to, is the asker's business [state/state_disk.h]: the mover knows work in two lines. A
// state that somebody waits for does not stand behind the states that go to sleep.
#ifndef SKEIN_ENGINE_STATE_MOVER_H_
#define SKEIN_ENGINE_STATE_MOVER_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"

namespace skein {

// One state on its way. The asker makes it where memory may run out; handing it over allocates nothing.
class DiskMove {
 public:
  virtual ~DiskMove() = default;

  // Reads or writes, on a thread of the mover without a lock. What it throws becomes its status.
  virtual absl::Status Work() = 0;

  // Told once, without a lock, what Work gave; CANCELLED: the mover was stopped before. On a thread of the mover, or on
  // that of an asker who comes after Stop. The move is destroyed afterwards.
  virtual void End(absl::Status status) noexcept = 0;
};
using DiskMoves = std::list<std::unique_ptr<DiskMove>>;

// Threads: any.
class StateMover {
 public:
  // Starts a mover that lets `max_parking` moves to the disk wait or be in progress, which bounds the memory that they
  // hold. It stops when the last copy of the result is gone. RESOURCE_EXHAUSTED: no thread could be started.
  static absl::StatusOr<std::shared_ptr<StateMover>> Start(size_t max_parking);

  // Hands over moves from the disk, in order. Bounded by the memory that the asker has reserved for them.
  void Wake(DiskMoves& moves) noexcept { Add(waking_, moves); }

  // Hands over moves to the disk, in order. False: there is no room for all of `moves`, and it keeps them.
  bool Park(DiskMoves& moves) noexcept { return Add(parking_, moves); }

  // Ends the moves that wait with CANCELLED. Does not wait: a move in progress ends as it ends.
  void Stop() noexcept;

 private:
  // A line of moves with the thread that does them.
  struct Lane {
    explicit Lane(size_t max) : max_open(max) {}

    const size_t max_open;
    CondVar changed;
    DiskMoves moves;      // that wait; under mutex_
    size_t num_open = 0;  // that wait or are in progress; under mutex_
  };

  explicit StateMover(size_t max_parking) : parking_(max_parking) {}

  static bool StartLane(const std::shared_ptr<StateMover>& mover, Lane& lane);
  void Run(Lane& lane) noexcept;
  // False: the lane has no room for them.
  bool Add(Lane& lane, DiskMoves& moves) noexcept;
  // Waits for the next move of a lane. Empty: the mover was stopped.
  DiskMoves Next(Lane& lane) noexcept;
  void CountEnded(Lane& lane) noexcept;

  Mutex mutex_;
  Lane waking_{SIZE_MAX};
  Lane parking_;
  bool is_stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace skein

#endif  // SKEIN_ENGINE_STATE_MOVER_H_
