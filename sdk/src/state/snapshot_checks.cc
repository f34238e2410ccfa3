#include "state/snapshot_checks.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace skein {
namespace {

bool IsFingerprint(const std::string& text) {
  constexpr size_t kNumDigits = 32;
  return text.size() == kNumDigits && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

absl::Status CheckPending(const StateShape& shape, const std::vector<uint32_t>& pending) {
  if (pending.size() > 1) {
    return absl::DataLossError(absl::StrCat("snapshot: expected at most one pending token, found ", pending.size()));
  }
  if (pending.empty() || pending[0] < shape.vocab_size) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("snapshot: pending token ", pending[0], "; the vocabulary has ", shape.vocab_size));
}

// A checksum proves nothing about a hostile writer: what enters the device is finite.
absl::Status CheckFinite(const std::vector<float>& state) {
  const auto bad = std::find_if_not(state.begin(), state.end(), [](float x) { return std::isfinite(x); });
  if (bad == state.end()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("snapshot: state float ", bad - state.begin(), " is not finite"));
}

}  // namespace

absl::Status CheckSnapshotSource(const StateShape& shape, const std::string& fingerprint, uint32_t generation,
                                 uint32_t variant) {
  // Before it is in any message.
  if (!IsFingerprint(fingerprint)) {
    return absl::DataLossError("snapshot: expected a fingerprint of 32 lower-case hex digits, found other bytes");
  }
  if (generation == shape.generation && variant == shape.variant) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "snapshot: of a model with source weights ", fingerprint, ", of RWKV generation ", generation, ", variant ",
      variant, "; this model is of generation ", shape.generation, ", variant ", shape.variant));
}

absl::Status CheckSnapshotValues(const StateShape& shape, const Snapshot& snapshot) {
  if (snapshot.position > kMaxPosition) {
    return absl::DataLossError(
        absl::StrCat("snapshot: position ", snapshot.position, "; expected at most ", kMaxPosition));
  }
  SKEIN_RETURN_IF_ERROR(CheckPending(shape, snapshot.pending));
  const absl::Status sampler = ValidateSamplerState(snapshot.sampler, shape.vocab_size);
  if (!sampler.ok()) return absl::DataLossError(absl::StrCat("snapshot: sampler: ", sampler.message()));
  return CheckFinite(snapshot.state);
}

}  // namespace skein
