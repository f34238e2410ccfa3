#include "state/snapshot_checks.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "numbers/finite.h"

namespace skein {
namespace {

bool IsFingerprint(const std::string& text) {
  constexpr size_t kNumDigits = 32;
  return text.size() == kNumDigits && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

absl::Status CheckPending(const skein_backend_model& model, const std::vector<uint32_t>& pending) {
  if (pending.size() > 1) {
    return absl::DataLossError(absl::StrCat("snapshot: expected at most one pending token, found ", pending.size()));
  }
  if (pending.empty() || pending[0] < model.vocab_size) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("snapshot: pending token ", pending[0], "; the vocabulary has ", model.vocab_size));
}

}  // namespace

absl::Status CheckFingerprint(const std::string& fingerprint) {
  if (IsFingerprint(fingerprint)) return absl::OkStatus();
  return absl::DataLossError("snapshot: expected a fingerprint of 32 lower-case hex digits, found other bytes");
}

absl::Status CheckSnapshotSource(const skein_backend_model& model, const std::string& fingerprint, uint32_t generation,
                                 uint32_t variant) {
  SKEIN_RETURN_IF_ERROR(CheckFingerprint(fingerprint));
  if (generation == model.generation && variant == model.variant) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "snapshot: of a model with source weights ", fingerprint, ", of RWKV generation ", generation, ", variant ",
      variant, "; this model is of generation ", model.generation, ", variant ", model.variant));
}

absl::Status CheckSnapshotValues(const skein_backend_model& model, const Snapshot& snapshot) {
  if (snapshot.position > kMaxPosition) {
    return absl::DataLossError(
        absl::StrCat("snapshot: position ", snapshot.position, "; expected at most ", kMaxPosition));
  }
  SKEIN_RETURN_IF_ERROR(CheckPending(model, snapshot.pending));
  const absl::Status sampler = ValidateSamplerState(snapshot.sampler, model.vocab_size);
  if (!sampler.ok()) return absl::DataLossError(absl::StrCat("snapshot: sampler: ", sampler.message()));
  return absl::OkStatus();
}

absl::Status CheckStateFinite(absl::Span<const float> state) {
  const size_t bad = FindNotFinite(state);
  if (bad == state.size()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("snapshot: state float ", bad, " is not finite"));
}

}  // namespace skein
