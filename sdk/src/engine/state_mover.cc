#include "engine/state_mover.h"

#include <utility>

#include "base/status.h"
#include "runtime/worker.h"

namespace skein {
namespace {

void EndAll(DiskMoves& moves) noexcept {
  for (const std::unique_ptr<DiskMove>& move : moves) {
    move->End(MakeStatus(absl::StatusCode::kCancelled, "the model was released"));
  }
  moves.clear();
}

}  // namespace

absl::StatusOr<std::shared_ptr<StateMover>> StateMover::Start(size_t max_parking) {
  std::shared_ptr<StateMover> mover(new StateMover(max_parking));
  if (!StartLane(mover, mover->waking_) || !StartLane(mover, mover->parking_)) {
    mover->Stop();
    return absl::ResourceExhaustedError("model: no thread could be started for its states on disk");
  }
  StateMover* const address = mover.get();
  return std::shared_ptr<StateMover>(address, [mover = std::move(mover)](StateMover*) mutable {
    mover->Stop();
    mover.reset();
  });
}

bool StateMover::StartLane(const std::shared_ptr<StateMover>& mover, Lane& lane) {
  return StartWorker([mover, &lane] { mover->Run(lane); },
                     [weak = std::weak_ptr<StateMover>(mover)] {
                       if (const std::shared_ptr<StateMover> alive = weak.lock()) alive->Stop();
                     });
}

bool StateMover::Add(Lane& lane, DiskMoves& moves) noexcept {
  {
    const MutexLock lock(mutex_);
    if (!is_stopped_) {
      if (moves.size() > lane.max_open - lane.num_open) return false;
      lane.num_open += moves.size();
      lane.moves.splice(lane.moves.end(), moves);
      lane.changed.NotifyAll();
    }
  }
  EndAll(moves);
  return true;
}

void StateMover::Stop() noexcept {
  const MutexLock lock(mutex_);
  is_stopped_ = true;
  waking_.changed.NotifyAll();
  parking_.changed.NotifyAll();
}

void StateMover::Run(Lane& lane) noexcept {
  for (DiskMoves next = Next(lane); !next.empty(); next = Next(lane)) {
    DiskMove& move = *next.front();
    const absl::Status status = Guarded([&move] { return move.Work(); });
    CountEnded(lane);
    move.End(status);
    next.clear();  // a move may be the last to know the mover, so none is kept while the thread waits
  }
  DiskMoves left;
  {
    const MutexLock lock(mutex_);
    left.swap(lane.moves);
  }
  EndAll(left);
}

DiskMoves StateMover::Next(Lane& lane) noexcept {
  const MutexLock lock(mutex_);
  while (lane.moves.empty() && !is_stopped_) lane.changed.Wait(mutex_);
  DiskMoves next;
  if (!is_stopped_) next.splice(next.end(), lane.moves, lane.moves.begin());
  return next;
}

void StateMover::CountEnded(Lane& lane) noexcept {
  const MutexLock lock(mutex_);
  --lane.num_open;
}

}  // namespace skein
