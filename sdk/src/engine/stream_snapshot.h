// A place of a stream as the bytes of a snapshot, in memory and in a file.
#ifndef SKEIN_ENGINE_STREAM_SNAPSHOT_H_
#define SKEIN_ENGINE_STREAM_SNAPSHOT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/model.h"
#include "engine/stream_state.h"
#include "state/snapshot_content.h"
#include "state/state_pool.h"
#include "system/whole_file.h"

namespace skein {

// What a snapshot has beside the place itself.
enum class SnapshotPast {
  kNone,
  kKnown,  // the tokens that are known, and the checkpoints whose states are kept
};

// A snapshot of a place, to be written. It holds what it is about, so that its size stays while the stream moves on and
// the store lets go of states.
class PlannedSnapshot {
 public:
  // `label`: of a prefix object. Throws std::bad_alloc. `model` outlives it.
  PlannedSnapshot(const Model& model, StreamState at, SnapshotPast past = SnapshotPast::kNone,
                  std::optional<PrefixLabel> label = std::nullopt);

  uint64_t num_bytes() const { return num_bytes_; }
  // Writes it to `bytes`, which are num_bytes(). May wait for one step, for one more for each checkpoint, and for the
  // fingerprint.
  absl::Status Write(absl::Span<uint8_t> bytes);

 private:
  const Model& model_;
  const StreamState at_;
  Snapshot snapshot_;  // without fingerprint and states until it is written
  std::vector<StateRef> checkpoint_states_;
  uint64_t num_bytes_;
};

// The canonical state at `at`. May wait for one step.
absl::Status ExportState(const Model& model, const StreamState& at, absl::Span<float> values);

// A place to go on from.
struct RestoredSnapshot {
  StreamState at;
  std::optional<PrefixLabel> label;  // of a prefix object
};

// Reads a snapshot, which is untrusted. FAILED_PRECONDITION: of a model with other source weights. The codes of
// ReadSnapshot (state/snapshot.h). May wait for one step, and for the fingerprint.
absl::StatusOr<RestoredSnapshot> RestoreSnapshot(Model& model, absl::Span<const uint8_t> bytes);

struct SaveOptions {
  IfExists if_exists = IfExists::kFail;
  SnapshotPast past = SnapshotPast::kNone;
};

// A snapshot at `at` as a file, which appears whole or not at all. `label` is that of a prefix object. The codes of
// OutputFile.
absl::Status SaveSnapshot(const Model& model, StreamState at, std::optional<PrefixLabel> label, const std::string& path,
                          const SaveOptions& options);
// The codes of File::Open, and of RestoreSnapshot with the path in front.
absl::StatusOr<RestoredSnapshot> LoadSnapshot(Model& model, const std::string& path);

}  // namespace skein

#endif  // SKEIN_ENGINE_STREAM_SNAPSHOT_H_
