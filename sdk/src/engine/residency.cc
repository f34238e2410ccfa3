#include "engine/residency.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
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

Residency::Residency(StepRunner& runner, std::shared_ptr<StatePool> pool, std::shared_ptr<HostStates> host)
    : runner_(runner), pool_(std::move(pool)), host_(std::move(host)) {
  discarded_.reserve(pool_->num_slots());
}

SlotOutcome Residency::PinState(const StateRef& state, bool may_move, StatePin& pin) noexcept {
  if (state.empty() || pin.state() == state) return SlotOutcome::kDone;
  pin = pool_->Pin(state);
  if (!pin.empty()) return SlotOutcome::kDone;
  return Catch(status_, [&] { return Wake(state, may_move, pin); });
}

SlotOutcome Residency::Wake(const StateRef& state, bool may_move, StatePin& pin) {
  if (!may_move) return SlotOutcome::kInSteps;
  StateRef place;
  const SlotOutcome outcome = TakeSlot(HostStates::Use::kSwap, may_move, place);
  if (outcome != SlotOutcome::kDone) return outcome;
  const std::shared_ptr<const HostState> values = pool_->ValuesOf(state);
  absl::Status imported = runner_.ImportState(place.slot(), values->values());
  if (!imported.ok()) return Fail(std::move(imported));
  pool_->Wake(state, std::move(place));
  pin = pool_->Pin(state);
  return SlotOutcome::kDone;
}

SlotOutcome Residency::PinNew(Growth growth, bool may_move, StatePin& pin) noexcept {
  return Catch(status_, [&] {
    while (growth == Growth::kAdds && !HasPlaces(2)) {
      if (!may_move) return SlotOutcome::kInSteps;
      if (!ask_owners_ || !ask_owners_()) return FailForPlaces();
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
    if (!may_move) return SlotOutcome::kInSteps;
    const SlotOutcome outcome = Park(use);
    if (outcome != SlotOutcome::kDone) return outcome;
  }
}

SlotOutcome Residency::Park(HostStates::Use use) {
  const StateRef victim = pool_->LeastRecent();
  if (victim.empty()) return SlotOutcome::kNoSlot;
  std::shared_ptr<HostState> place = host_->Take(use);
  while (place == nullptr && ask_owners_ && ask_owners_()) {
    if (pool_->num_free() > 0) return SlotOutcome::kDone;
    place = host_->Take(use);
  }
  if (place == nullptr) return FailForPlaces();
  absl::Status exported = runner_.ExportState(pool_->Pin(victim).slot(), place->values());
  if (!exported.ok()) return Fail(std::move(exported));
  pool_->Park(victim, std::move(place));
  return SlotOutcome::kDone;
}

void Residency::KeepFree(uint32_t num_free, uint32_t num_kept) noexcept {
  uint32_t num_movable = pool_->num_movable();
  while (pool_->num_free() < num_free && num_movable-- > num_kept) {
    if (host_->num_left() == 0) return;
    if (Catch(status_, [&] { return Park(HostStates::Use::kStay); }) != SlotOutcome::kDone) return;
  }
}

bool Residency::HasPlaces(uint64_t count) const { return pool_->num_free() + host_->num_left() >= count; }

SlotOutcome Residency::Fail(absl::Status status) noexcept {
  status_ = std::move(status);
  return SlotOutcome::kFailed;
}

SlotOutcome Residency::FailForPlaces() {
  return Fail(absl::ResourceExhaustedError(
      absl::StrCat("stream: no place for one more state: ", pool_->num_slots(), " slots (option ",
                   model_options::kStateMemory.name, ") and ", host_->max_states(), " places in host memory (option ",
                   model_options::kStateHostMemory.name, ") are taken; release streams, or give them more memory")));
}

void Residency::DiscardFree() noexcept {
  pool_->TakeUsedFree(discarded_);
  for (const uint32_t slot : discarded_) runner_.DiscardState(slot);
}

}  // namespace skein
