#include "engine/disk_tier.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "base/status.h"
#include "engine/step_clock.h"
#include "runtime/option_keys.h"
#include "skein/runtime.h"

namespace skein {
namespace {

// States that wait to be written, or are being written. The mover has room for them, and for giving space back.
constexpr size_t kMaxLeaving = 8;
// One for a new state, and the last one, which no new state gets.
constexpr uint64_t kFewestKeptFree = 2;
constexpr uint64_t kMostKeptFree = 16;
// A disk that refused a state is not asked again for so long.
constexpr std::chrono::seconds kPause{1};

absl::Span<const uint8_t> BytesOf(absl::Span<const float> values) {
  return {reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(float)};
}
absl::Span<uint8_t> BytesOf(absl::Span<float> values) {
  return {reinterpret_cast<uint8_t*>(values.data()), values.size() * sizeof(float)};
}

}  // namespace

void DiskTier::Ways::OnWritten(const absl::Status& status) noexcept {
  if (status.ok() || absl::IsCancelled(status)) return;
  Guarded([&] {
    log.Add(SKEIN_LOG_WARNING, absl::StrCat("a state stays in host memory: ", absl::string_view(status.message())));
    return absl::OkStatus();
  }).IgnoreError();  // without memory there is no line
  const MutexLock lock(mutex);
  failure = status;
  failed_at = std::chrono::steady_clock::now();
}

bool DiskTier::Ways::MayWrite() const {
  const MutexLock lock(mutex);
  return failure.ok() || std::chrono::steady_clock::now() - failed_at > kPause;
}

// A state on its way to the disk.
class DiskTier::Leave final : public DiskMove {
 public:
  Leave(const DiskTier& tier, DiskBlock block)
      : pool_(tier.pool_), disk_(tier.disk_), ways_(tier.ways_), block_(std::move(block)) {}

  void set_state(StateRef state) {
    state_ = std::move(state);
    values_ = pool_->ValuesOf(state_);
    ++ways_->num_leaving;
  }
  absl::Status Work() override { return disk_->Write(block_, BytesOf(values_->values())); }
  void End(absl::Status status) noexcept override {
    if (!status.ok()) block_ = DiskBlock();
    values_ = nullptr;
    pool_->EndToDisk(state_, std::move(block_));
    state_ = StateRef();
    ways_->OnWritten(status);
    --ways_->num_leaving;
    ways_->on_moved();
  }

 private:
  const std::shared_ptr<StatePool> pool_;
  const std::shared_ptr<StateDisk> disk_;
  const std::shared_ptr<Ways> ways_;
  DiskBlock block_;
  StateRef state_;
  std::shared_ptr<const HostState> values_;
};

// A state on its way back.
class DiskTier::Return final : public DiskMove {
 public:
  Return(const DiskTier& tier, StateRef state, std::shared_ptr<HostState> values)
      : pool_(tier.pool_), disk_(tier.disk_), ways_(tier.ways_), state_(std::move(state)), values_(std::move(values)) {}

  void Begin() {
    asked_at_ = StepClock::now();
    block_ = &pool_->BeginToHost(state_);
    ++ways_->num_coming;
  }
  absl::Status Work() override { return disk_->Read(*block_, BytesOf(values_->values())); }
  void End(absl::Status status) noexcept override {
    if (status.ok()) ways_->observer->OnFetched(StepClock::now() - asked_at_);
    pool_->EndToHost(state_, std::move(values_), std::move(status));
    values_ = nullptr;
    state_ = StateRef();
    --ways_->num_coming;
    ways_->on_moved();
  }

 private:
  const std::shared_ptr<StatePool> pool_;
  const std::shared_ptr<StateDisk> disk_;
  const std::shared_ptr<Ways> ways_;
  StateRef state_;
  std::shared_ptr<HostState> values_;
  const DiskBlock* block_ = nullptr;
  StepClock::time_point asked_at_;
};

// Gives space back to the disk.
class DiskTier::GiveBack final : public DiskMove {
 public:
  explicit GiveBack(const DiskTier& tier) : disk_(tier.disk_), ways_(tier.ways_) {}

  absl::Status Work() override {
    disk_->GiveBack();
    return absl::OkStatus();
  }
  void End(absl::Status) noexcept override { ways_->is_giving_back = false; }

 private:
  const std::shared_ptr<StateDisk> disk_;
  const std::shared_ptr<Ways> ways_;
};

absl::StatusOr<std::unique_ptr<DiskTier>> DiskTier::Start(std::shared_ptr<StatePool> pool,
                                                          std::shared_ptr<HostStates> host,
                                                          std::shared_ptr<StateDisk> disk, Log& log,
                                                          std::shared_ptr<ModelObserver> observer,
                                                          std::function<void()> on_moved) {
  SKEIN_ASSIGN_OR_RETURN(std::shared_ptr<StateMover> mover, StateMover::Start(kMaxLeaving + 1));
  auto ways = std::make_shared<Ways>(log, std::move(observer), std::move(on_moved));
  return std::unique_ptr<DiskTier>(
      new DiskTier(std::move(pool), std::move(host), std::move(disk), std::move(mover), std::move(ways)));
}

DiskTier::DiskTier(std::shared_ptr<StatePool> pool, std::shared_ptr<HostStates> host, std::shared_ptr<StateDisk> disk,
                   std::shared_ptr<StateMover> mover, std::shared_ptr<Ways> ways)
    : pool_(std::move(pool)),
      host_(std::move(host)),
      disk_(std::move(disk)),
      mover_(std::move(mover)),
      ways_(std::move(ways)),
      num_kept_free_(std::clamp<uint64_t>(host_->max_states() / 4, kFewestKeptFree, kMostKeptFree)) {}

bool DiskTier::PushOut() {
  bool is_moving = IsMoving();
  while (host_->num_left() + ways_->num_leaving.load() < num_kept_free_ && PushOutOne()) is_moving = true;
  return is_moving;
}

bool DiskTier::PushOutOne() {
  if (ways_->num_leaving.load() >= kMaxLeaving || !ways_->MayWrite()) return false;
  absl::StatusOr<DiskBlock> block = disk_->Reserve();
  if (!block.ok()) return false;
  DiskMoves moves;
  auto move = std::make_unique<Leave>(*this, *std::move(block));
  Leave& leave = *move;
  moves.push_back(std::move(move));
  StateRef state = pool_->BeginToDisk();
  if (state.empty()) return false;
  leave.set_state(std::move(state));
  if (!mover_->Park(moves)) leave.End(absl::CancelledError());  // its line holds as many as were counted here
  return true;
}

DiskTier::Fetch DiskTier::Bring(const StateRef& state) {
  // States that wait here for their steps must not take the last place, which those that leave slots for them need. If
  // there is but that one, or none because the free place is a slot, they come one at a time.
  const bool is_last = host_->num_left() < 2;
  if (is_last && ways_->num_coming.load() > 0) return Fetch::kLater;
  if (is_last && pool_->HasPinnedInHost()) return Fetch::kOthers;
  std::shared_ptr<HostState> place = host_->Take(HostStates::Use::kPass);
  if (place == nullptr) return Fetch::kNoPlace;
  DiskMoves moves;
  auto move = std::make_unique<Return>(*this, state, std::move(place));
  Return& back = *move;
  moves.push_back(std::move(move));
  back.Begin();
  mover_->Wake(moves);
  return Fetch::kComing;
}

void DiskTier::Rest() noexcept {
  if (ways_->is_giving_back || !disk_->HasMuchToGiveBack()) return;
  Guarded([&] {
    DiskMoves moves;
    moves.push_back(std::make_unique<GiveBack>(*this));
    ways_->is_giving_back = true;
    if (!mover_->Park(moves)) ways_->is_giving_back = false;
    return absl::OkStatus();
  }).IgnoreError();  // without memory the space is given back at another rest
}

std::string DiskTier::Describe() const {
  const MutexLock lock(ways_->mutex);
  return absl::StrCat(
      disk_->used_blocks(), " of ", disk_->budget_blocks(), " places on disk (option ", model_options::kStateDisk.name,
      ") are taken",
      ways_->failure.ok() ? "" : absl::StrCat(", where the last write failed: ", ways_->failure.message()));
}

}  // namespace skein
