#include "engine/residency.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/step_clock.h"
#include "runtime/option_keys.h"

namespace skein {
namespace {

// Runs `work`, and takes a lack of memory for its failure.
template <typename Work>
SlotOutcome Catch(absl::Status& status, Work&& work) noexcept {
  SlotOutcome outcome = SlotOutcome::kFailed;
  absl::Status ended = Guarded([&] {
    outcome = work();
    return absl::OkStatus();
  });
  if (!ended.ok()) status = std::move(ended);
  return outcome;
}

}  // namespace

Residency::Residency(StepRunner& runner, std::shared_ptr<StatePool> pool, std::shared_ptr<HostStates> host,
                     ModelObserver& observer)
    : runner_(runner),
      pool_(std::move(pool)),
      host_(std::move(host)),
      observer_(observer),
      leaving_(runner_, pool_),
      arriving_(runner_, pool_, observer_) {
  discarded_.reserve(pool_->num_slots());
}

SlotOutcome Residency::PinState(const StateRef& state, bool may_move, StatePin& pin) noexcept {
  if (state.empty()) return SlotOutcome::kDone;
  // It leaves its slot when the steps that read garbage there have ended.
  if (arriving_.Look(state) == ArrivingStates::Arrival::kFailed) return SlotOutcome::kInSteps;
  if (pin.state() == state) return SlotOutcome::kDone;
  pin = pool_->Pin(state);
  if (!pin.empty()) return SlotOutcome::kDone;
  return Catch(status_, [&] { return Wake(state, may_move, pin); });
}

bool Residency::IsArriving(const StateRef& state) const noexcept {
  return arriving_.Look(state) == ArrivingStates::Arrival::kComing;
}

SlotOutcome Residency::Wake(const StateRef& state, bool may_move, StatePin& pin) {
  // Held, so that it does not leave for the disk once it is seen in host memory.
  const StatePin held = pool_->Hold(state);
  SlotOutcome outcome = Bring(state);
  if (outcome != SlotOutcome::kDone) return outcome;
  if (absl::Status failure = pool_->TakeFailure(state); !failure.ok()) return Fail(std::move(failure));
  const bool is_beside_steps = runner_.pipeline().imports_beside_steps;
  if (!may_move && !is_beside_steps) return SlotOutcome::kInSteps;
  const StepClock::time_point begin = StepClock::now();
  StateRef place;
  outcome = TakeSlot(HostStates::Use::kSwap, may_move, place);
  if (outcome != SlotOutcome::kDone) return outcome;
  if (is_beside_steps) {
    absl::Status begun = FromRunner(arriving_.Begin(state, std::move(place)));
    if (!begun.ok()) return Fail(std::move(begun));
    pin = pool_->Pin(state);
    return SlotOutcome::kDone;
  }
  const std::shared_ptr<const HostState> values = pool_->ValuesOf(state);
  absl::Status imported = FromRunner(runner_.ImportState(place.slot(), values->values()));
  if (!imported.ok()) return Fail(std::move(imported));
  pool_->Wake(state, std::move(place));
  pin = pool_->Pin(state);
  observer_.OnWoken(StepClock::now() - begin);
  return SlotOutcome::kDone;
}

SlotOutcome Residency::PinNew(Growth growth, bool may_move, StatePin& pin) noexcept {
  return Catch(status_, [&] {
    while (growth == Growth::kAdds && !HasPlaces(2)) {
      if (!may_move) return SlotOutcome::kInSteps;
      const bool makes_room = PushOut();
      if (HasPlaces(2)) break;
      if (makes_room) return SlotOutcome::kLater;
      if (!ask_owners_ || !ask_owners_()) return LackOfPlaces();
    }
    StateRef place;
    const SlotOutcome outcome = TakeSlot(HostStates::Use::kStay, may_move, place);
    pin = pool_->Pin(place);
    return outcome;
  });
}

SlotOutcome Residency::TakeSlot(HostStates::Use use, bool may_move, StateRef& place) {
  while (true) {
    // Where it finds none, the pool says when another thread lets go of one.
    place = pool_->Acquire();
    if (!place.empty()) return SlotOutcome::kDone;
    if (!may_move) {
      if (leaving_.empty()) Send();
      return leaving_.empty() ? SlotOutcome::kInSteps : SlotOutcome::kLater;
    }
    if (WaitForSlot()) continue;
    const SlotOutcome outcome = Park(use);
    if (outcome != SlotOutcome::kDone) return outcome;
  }
}

SlotOutcome Residency::Park(HostStates::Use use) {
  const StateRef victim = pool_->LeastRecent();
  if (victim.empty()) return SlotOutcome::kNoSlot;
  const bool makes_room = PushOut();
  std::shared_ptr<HostState> place = host_->Take(use);
  if (place == nullptr && makes_room) return SlotOutcome::kLater;
  while (place == nullptr && ask_owners_ && ask_owners_()) {
    if (pool_->num_free() > 0) return SlotOutcome::kDone;
    place = host_->Take(use);
  }
  // States that arrive leave their places.
  if (place == nullptr && !arriving_.empty()) return SlotOutcome::kLater;
  // One that wakes has its own place in host memory, and must not wait for itself.
  if (place == nullptr) return use == HostStates::Use::kSwap ? FailForPlaces() : LackOfPlaces();
  absl::Status exported = FromRunner(runner_.ExportState(pool_->Pin(victim).slot(), place->values()));
  if (!exported.ok()) return Fail(std::move(exported));
  pool_->Park(victim, std::move(place));
  PushOut();
  return SlotOutcome::kDone;
}

SlotOutcome Residency::Bring(const StateRef& state) {
  if (disk_ == nullptr) return SlotOutcome::kDone;
  absl::Status failure;
  switch (pool_->IsOnDisk(state, &failure)) {
    case StatePool::OnDisk::kNo:
      return SlotOutcome::kDone;
    case StatePool::OnDisk::kMoving:
      return SlotOutcome::kComing;
    case StatePool::OnDisk::kFailed:
      return Fail(std::move(failure));
    case StatePool::OnDisk::kYes:
      break;
  }
  const bool makes_room = PushOut();
  const DiskTier::Fetch fetch = disk_->Bring(state);
  if (fetch == DiskTier::Fetch::kComing) return SlotOutcome::kComing;
  if (makes_room || fetch == DiskTier::Fetch::kLater) return SlotOutcome::kLater;
  if (fetch == DiskTier::Fetch::kOthers) return SlotOutcome::kOthers;
  if (!leaving_.empty() || !arriving_.empty()) return SlotOutcome::kLater;
  return ask_owners_ && ask_owners_() ? Bring(state) : FailForPlaces();
}

bool Residency::PushOut() {
  if (disk_ == nullptr) return false;
  return disk_->PushOut();
}

SlotOutcome Residency::Export(const StateRef& state, absl::Span<float> values) noexcept {
  return Catch(status_, [&] {
    const StatePin held = pool_->Hold(state);  // as in Wake
    if (const SlotOutcome outcome = Bring(state); outcome != SlotOutcome::kDone) return outcome;
    StatusOf(state).IgnoreError();  // if it has not come it is in host memory
    arriving_.GiveBackFailed(ArrivingStates::Steps::kNone);
    if (const std::shared_ptr<const HostState> parked = pool_->ValuesOf(state)) {
      std::copy(parked->values().begin(), parked->values().end(), values.begin());
      return SlotOutcome::kDone;
    }
    absl::Status exported = FromRunner(runner_.ExportState(pool_->Pin(state).slot(), values));
    return exported.ok() ? SlotOutcome::kDone : Fail(std::move(exported));
  });
}

absl::Status Residency::Import(absl::Span<const float> values, const StatePin& pin) noexcept {
  return FromRunner(Guarded([&] { return runner_.ImportState(pin.slot(), values); }));
}

absl::Status Residency::FromRunner(absl::Status status) {
  if (absl::IsUnavailable(status)) lost_ = status;
  return status;
}

bool Residency::Send() noexcept {
  if (!sends_) return false;
  bool is_sent = false;
  absl::Status status = Guarded([&]() -> absl::Status {
    PushOut();
    std::shared_ptr<HostState> place = host_->Take(HostStates::Use::kStay);
    if (place == nullptr) return absl::OkStatus();
    SKEIN_ASSIGN_OR_RETURN(is_sent, leaving_.Send(std::move(place)));
    return absl::OkStatus();
  });
  Conclude(std::move(status));
  return is_sent;
}

void Residency::Conclude(absl::Status status) noexcept {
  if (status.ok()) return;
  sends_ = false;
  FromRunner(std::move(status)).IgnoreError();
}

bool Residency::WaitForSlot() noexcept {
  if (leaving_.empty()) return false;
  Conclude(leaving_.WaitForOne());
  return true;
}

bool Residency::WaitForMoves() noexcept {
  if (WaitForSlot()) return true;
  if (arriving_.empty()) return false;
  FromRunner(arriving_.WaitForOne()).IgnoreError();
  arriving_.GiveBackFailed(ArrivingStates::Steps::kNone);
  return true;
}

absl::Status Residency::StatusOf(const StateRef& state) noexcept {
  return state.empty() ? absl::OkStatus() : FromRunner(arriving_.WaitFor(state));
}

void Residency::CollectArrived(bool may_move) noexcept {
  FromRunner(arriving_.Collect()).IgnoreError();
  arriving_.GiveBackFailed(may_move ? ArrivingStates::Steps::kNone : ArrivingStates::Steps::kPerhaps);
}

void Residency::KeepFree(uint32_t num_free, uint32_t num_kept, bool may_move) noexcept {
  if (may_move) sends_ = runner_.pipeline().exports_beside_steps;
  Conclude(leaving_.Collect());
  const auto has_enough = [&] { return pool_->num_free() + leaving_.size() >= num_free; };
  if (has_enough() || !(may_move || sends_)) return;
  uint32_t num_movable = pool_->num_movable();
  while (!has_enough() && num_movable-- > num_kept) {
    if (sends_) {
      if (!Send()) return;
      continue;
    }
    const SlotOutcome outcome = Catch(status_, [&] {
      PushOut();
      return host_->num_left() == 0 ? SlotOutcome::kNoSlot : Park(HostStates::Use::kStay);
    });
    if (outcome != SlotOutcome::kDone) return;
  }
}

// Free places on disk do not count: a disk may refuse a state when it comes, and then those that are there need the
// last place in memory to go on.
// A state that is on its way gives back its slot or its place in memory.
bool Residency::HasPlaces(uint64_t count) const {
  return pool_->num_free() + leaving_.size() + arriving_.size() + host_->num_left() >= count;
}

SlotOutcome Residency::Fail(absl::Status status) noexcept {
  status_ = std::move(status);
  return SlotOutcome::kFailed;
}

SlotOutcome Residency::LackOfPlaces() {
  if (!arriving_.empty()) return SlotOutcome::kLater;
  return pool_->HasPinnedInHost() ? SlotOutcome::kOthers : FailForPlaces();
}

SlotOutcome Residency::FailForPlaces() {
  return Fail(absl::ResourceExhaustedError(
      absl::StrCat("stream: no place for one more state: ", pool_->num_slots(), " slots (option ",
                   model_options::kStateMemory.name, ") and ", host_->max_states(), " places in host memory (option ",
                   model_options::kStateHostMemory.name, ") are taken", disk_ == nullptr ? "" : ", and ",
                   disk_ == nullptr ? "" : disk_->Describe(), "; release streams, or give them more memory")));
}

void Residency::Rest() noexcept {
  pool_->TakeUsedFree(discarded_);
  for (const uint32_t slot : discarded_) runner_.DiscardState(slot);
  host_->Rest();
  if (disk_ != nullptr) disk_->Rest();
}

}  // namespace skein
