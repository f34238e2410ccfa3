#include "engine/stream_snapshot.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "files/package/output_file.h"
#include "numbers/state_layout.h"
#include "state/snapshot.h"

namespace skein {
namespace {

// A snapshot at `at`, still without fingerprint and state.
Snapshot Describe(const StreamState& at, const SnapshotExtras& extras) {
  Snapshot snapshot;
  snapshot.position = at.position;
  if (at.pending.has_value()) snapshot.pending.push_back(*at.pending);
  if (at.sampler != nullptr) snapshot.sampler = *at.sampler;
  snapshot.label = extras.label;
  return snapshot;
}

std::optional<uint32_t> PendingToken(const Snapshot& snapshot) {
  return snapshot.pending.empty() ? std::nullopt : std::optional(snapshot.pending[0]);
}

// Memory that is not cleared before it is filled.
struct Values {
  explicit Values(uint64_t size) : memory(std::make_unique_for_overwrite<float[]>(size)), span(memory.get(), size) {}
  const std::unique_ptr<float[]> memory;
  const absl::Span<float> span;
};

}  // namespace

uint64_t SnapshotBytes(const Model& model, const StreamState& at, const SnapshotExtras& extras) {
  return SnapshotBytes(model.config(), Describe(at, extras));
}

absl::Status ExportState(const Model& model, const StreamState& at, absl::Span<float> values) {
  if (!at.state.empty()) return model.engine()->ExportState(at.state, values);
  WriteFreshState(model.config(), model.config().num_layers, values.data());
  return absl::OkStatus();
}

absl::Status TakeSnapshot(const Model& model, const StreamState& at, const SnapshotExtras& extras,
                          absl::Span<uint8_t> bytes) {
  Snapshot snapshot = Describe(at, extras);
  SKEIN_ASSIGN_OR_RETURN(snapshot.fingerprint, model.Fingerprint());
  const Values state(StateFloats(model.config()));
  SKEIN_RETURN_IF_ERROR(ExportState(model, at, state.span));
  WriteSnapshot(model.config(), snapshot, state.span, bytes);
  return absl::OkStatus();
}

absl::StatusOr<RestoredSnapshot> RestoreSnapshot(Model& model, absl::Span<const uint8_t> bytes) {
  SKEIN_ASSIGN_OR_RETURN(Snapshot snapshot, ReadSnapshot(model.config(), bytes));
  SKEIN_ASSIGN_OR_RETURN(const std::string fingerprint, model.Fingerprint());
  if (snapshot.fingerprint != fingerprint) {
    return absl::FailedPreconditionError(absl::StrCat("snapshot: of a model with source weights ", snapshot.fingerprint,
                                                      "; this model's are ", fingerprint));
  }
  SKEIN_ASSIGN_OR_RETURN(StateRef state, model.engine()->ImportState(snapshot.state));
  const auto sampler = std::make_shared<const SamplerState>(std::move(snapshot.sampler));
  History history(model.checkpoints(), snapshot.position, state, sampler);
  history.Keep(state, CheckpointKind::kTurn, 0);
  RestoredSnapshot restored;
  restored.at = {std::move(state), snapshot.position, PendingToken(snapshot), sampler, std::move(history)};
  restored.extras.label = std::move(snapshot.label);
  return restored;
}

absl::Status SaveSnapshot(const Model& model, const StreamState& at, const SnapshotExtras& extras,
                          const std::string& path, IfExists if_exists) {
  SKEIN_RETURN_IF_ERROR(OutputFile::Check(path, if_exists));
  std::vector<uint8_t> bytes(SnapshotBytes(model, at, extras));
  SKEIN_RETURN_IF_ERROR(TakeSnapshot(model, at, extras, absl::MakeSpan(bytes)));
  SKEIN_ASSIGN_OR_RETURN(const std::unique_ptr<OutputFile> file, OutputFile::Create(path, if_exists));
  SKEIN_RETURN_IF_ERROR(file->WriteAt(0, bytes.data(), bytes.size()));
  return file->Commit();
}

absl::StatusOr<RestoredSnapshot> LoadSnapshot(Model& model, const std::string& path) {
  // A copy, because another process may write to the file.
  SKEIN_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, File::Open(path, FileAccess::kRead));
  absl::StatusOr<RestoredSnapshot> restored = RestoreSnapshot(model, file->bytes());
  if (!restored.ok()) return Annotate(restored.status(), path);
  return restored;
}

}  // namespace skein
