#include "engine/stream_snapshot.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "engine/stream_past.h"
#include "files/package/output_file.h"
#include "numbers/state_layout.h"
#include "state/snapshot.h"

namespace skein {
namespace {

// A snapshot at `at`, still without fingerprint and state.
Snapshot Describe(const StreamState& at) {
  Snapshot snapshot;
  snapshot.position = at.position;
  if (at.pending.has_value()) snapshot.pending.push_back(*at.pending);
  if (at.sampler != nullptr) snapshot.sampler = *at.sampler;
  return snapshot;
}

std::optional<uint32_t> PendingToken(const Snapshot& snapshot) {
  return snapshot.pending.empty() ? std::nullopt : std::optional(snapshot.pending[0]);
}

}  // namespace

PlannedSnapshot::PlannedSnapshot(const Model& model, StreamState at, SnapshotPast past,
                                 std::optional<PrefixLabel> label)
    : model_(model), at_(std::move(at)), snapshot_(Describe(at_)) {
  snapshot_.label = std::move(label);
  if (past == SnapshotPast::kKnown) checkpoint_states_ = DescribePast(at_, snapshot_);
  num_bytes_ = SnapshotBytes(model.config(), snapshot_);
}

absl::Status PlannedSnapshot::Write(absl::Span<uint8_t> bytes) {
  SKEIN_ASSIGN_OR_RETURN(snapshot_.fingerprint, model_.Fingerprint());
  for (size_t i = 0; i < checkpoint_states_.size(); ++i) {
    std::vector<float>& values = snapshot_.checkpoints[i].state;
    values.resize(StateFloats(model_.config()));
    SKEIN_RETURN_IF_ERROR(model_.engine()->ExportState(checkpoint_states_[i], absl::MakeSpan(values)));
  }
  const StateScratch state = model_.engine()->Scratch();
  SKEIN_RETURN_IF_ERROR(ExportState(model_, at_, state.values()));
  WriteSnapshot(model_.config(), snapshot_, state.values(), bytes);
  return absl::OkStatus();
}

absl::Status ExportState(const Model& model, const StreamState& at, absl::Span<float> values) {
  if (!at.state.empty()) return model.engine()->ExportState(at.state, values);
  WriteFreshState(model.config(), model.config().num_layers, values.data());
  return absl::OkStatus();
}

absl::StatusOr<RestoredSnapshot> RestoreSnapshot(Model& model, absl::Span<const uint8_t> bytes) {
  Snapshot snapshot;
  RestoredSnapshot restored;
  const auto read = [&](absl::Span<float> values) -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(snapshot, ReadSnapshot(model.config(), bytes, values));
    SKEIN_ASSIGN_OR_RETURN(const std::string fingerprint, model.Fingerprint());
    if (snapshot.fingerprint == fingerprint) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat("snapshot: of a model with source weights ", snapshot.fingerprint,
                                                      "; this model's are ", fingerprint));
  };
  SKEIN_ASSIGN_OR_RETURN(restored.at.state, model.engine()->MakeState(read));
  restored.at.position = snapshot.position;
  restored.at.pending = PendingToken(snapshot);
  restored.at.sampler = std::make_shared<const SamplerState>(std::move(snapshot.sampler));
  restored.at.history = RestorePast(model, snapshot, restored.at);
  restored.label = std::move(snapshot.label);
  return restored;
}

absl::Status SaveSnapshot(const Model& model, StreamState at, std::optional<PrefixLabel> label, const std::string& path,
                          const SaveOptions& options) {
  SKEIN_RETURN_IF_ERROR(OutputFile::Check(path, options.if_exists));
  PlannedSnapshot snapshot(model, std::move(at), options.past, std::move(label));
  std::vector<uint8_t> bytes(snapshot.num_bytes());
  SKEIN_RETURN_IF_ERROR(snapshot.Write(absl::MakeSpan(bytes)));
  SKEIN_ASSIGN_OR_RETURN(const std::unique_ptr<OutputFile> file, OutputFile::Create(path, options.if_exists));
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
