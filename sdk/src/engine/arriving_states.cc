#include "engine/arriving_states.h"

#include <utility>

#include "base/status.h"

namespace skein {

ArrivingStates::~ArrivingStates() {
  WaitForAll().IgnoreError();
  GiveBackFailed(Steps::kNone);
}

absl::Status ArrivingStates::Begin(const StateRef& state, StateRef place) {
  std::list<Arriving> begun;
  Arriving& arriving = begun.emplace_back();
  arriving.begin = StepClock::now();
  arriving.values = pool_->ValuesOf(state);
  SKEIN_ASSIGN_OR_RETURN(arriving.on_its_way, runner_.BeginImport(place.slot(), arriving.values->values()));
  arriving.pin = pool_->BeginArrive(state, std::move(place));
  states_.splice(states_.end(), begun);
  return absl::OkStatus();
}

ArrivingStates::Arrival ArrivingStates::Look(const StateRef& state) const {
  for (const Arriving& arriving : states_) {
    if (!(arriving.pin.state() == state)) continue;
    if (arriving.on_its_way == nullptr) return Arrival::kFailed;
    return arriving.on_its_way->is_done() ? Arrival::kThere : Arrival::kComing;
  }
  return Arrival::kThere;
}

absl::Status ArrivingStates::WaitFor(const StateRef& state) noexcept {
  for (Place place = states_.begin(); place != states_.end(); ++place) {
    if (!(place->pin.state() == state)) continue;
    Place next = place;
    const absl::Status status = place->on_its_way == nullptr ? place->status : Wait(next);
    if (!status.ok()) place->is_told = true;
    return status;
  }
  return absl::OkStatus();
}

absl::Status ArrivingStates::Collect() noexcept {
  absl::Status status;
  for (Place place = states_.begin(); place != states_.end();) {
    if (place->on_its_way != nullptr && place->on_its_way->is_done()) {
      status.Update(Wait(place));
    } else {
      ++place;
    }
  }
  return status;
}

absl::Status ArrivingStates::WaitForOne() noexcept {
  for (Place place = states_.begin(); place != states_.end(); ++place) {
    if (place->on_its_way != nullptr) return Wait(place);
  }
  return absl::OkStatus();
}

absl::Status ArrivingStates::WaitForAll() noexcept {
  absl::Status status;
  for (Place place = states_.begin(); place != states_.end();) {
    if (place->on_its_way != nullptr) {
      status.Update(Wait(place));
    } else {
      ++place;
    }
  }
  return status;
}

absl::Status ArrivingStates::Wait(Place& place) noexcept {
  absl::Status status = place->on_its_way->Wait();
  ++num_ended_;
  if (!status.ok()) {
    place->on_its_way = nullptr;
    place->status = status;
    ++place;
    return status;
  }
  pool_->EndArrive(std::move(place->pin));
  observer_.OnWoken(StepClock::now() - place->begin);
  place = states_.erase(place);
  return status;
}

void ArrivingStates::GiveBackFailed(Steps steps) noexcept {
  for (Place place = states_.begin(); place != states_.end();) {
    const bool may_be_used = steps == Steps::kPerhaps && pool_->HasOtherPins(place->pin);
    if (place->on_its_way != nullptr || may_be_used) {
      ++place;
      continue;
    }
    pool_->EndArrive(std::move(place->pin), std::move(place->values),
                     place->is_told ? absl::OkStatus() : std::move(place->status));
    place = states_.erase(place);
  }
}

}  // namespace skein
