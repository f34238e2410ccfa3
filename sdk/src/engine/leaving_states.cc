#include "engine/leaving_states.h"

#include <utility>

#include "base/status.h"

namespace skein {

LeavingStates::~LeavingStates() {
  while (!states_.empty()) {
    states_.front().on_its_way = nullptr;
    pool_->EndLeave(states_.front().state, nullptr);
    states_.pop_front();
  }
}

absl::StatusOr<bool> LeavingStates::Send(std::shared_ptr<HostState> place) {
  std::list<Leaving> sent;
  Leaving& leaving = sent.emplace_back();
  leaving.state = pool_->BeginLeave();
  if (leaving.state.empty()) return false;
  leaving.place = std::move(place);
  const absl::Status begun = Guarded([&] {
    SKEIN_ASSIGN_OR_RETURN(leaving.on_its_way, runner_.BeginExport(leaving.state.slot(), leaving.place->values()));
    return absl::OkStatus();
  });
  if (!begun.ok()) {
    pool_->EndLeave(leaving.state, nullptr);
    return begun;
  }
  states_.splice(states_.end(), sent);
  return true;
}

absl::Status LeavingStates::Collect() noexcept {
  absl::Status status;
  while (!states_.empty() && states_.front().on_its_way->is_done()) status.Update(WaitForOne());
  return status;
}

absl::Status LeavingStates::WaitForOne() noexcept {
  Leaving& first = states_.front();
  absl::Status status = first.on_its_way->Wait();
  pool_->EndLeave(first.state, status.ok() ? std::move(first.place) : nullptr);
  states_.pop_front();
  return status;
}

}  // namespace skein
