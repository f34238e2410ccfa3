#include "serving/token_window.h"

#include "absl/strings/str_cat.h"

namespace skein {

bool TokenWindow::OnDelivered() noexcept {
  ++num_delivered_;
  if (size_.load() != 0) return false;
  // The number of tokens pushed is read now, not earlier: a token pushed meanwhile may just have filled the window.
  const uint64_t acknowledged_before = num_acknowledged_.fetch_add(1);
  return num_pushed_.load() - acknowledged_before >= limit();
}

absl::Status TokenWindow::Acknowledge(uint64_t num_tokens) {
  if (size_.load() == 0) {
    return absl::FailedPreconditionError(
        "acknowledge: the request has no window, or was not submitted; expected the request option window, without "
        "which polling acknowledges");
  }
  uint64_t acknowledged = num_acknowledged_.load();
  do {
    const uint64_t num_open = num_delivered_.load() - acknowledged;
    if (num_tokens > num_open) {
      return absl::InvalidArgumentError(
          absl::StrCat("acknowledge: ", num_tokens, " tokens; delivered and not acknowledged are ", num_open));
    }
  } while (!num_acknowledged_.compare_exchange_weak(acknowledged, acknowledged + num_tokens));
  return absl::OkStatus();
}

}  // namespace skein
