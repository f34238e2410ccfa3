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
#include "system/whole_file.h"

namespace skein {

// The size of a snapshot at `at`. TakeSnapshot takes the same place, so that a request that moves the stream on does
// not change the size.
uint64_t SnapshotBytes(const Model& model, const StreamState& at);

// Writes it to `bytes`, which has that size. May wait for one step, and for the fingerprint.
absl::Status TakeSnapshot(const Model& model, const StreamState& at, absl::Span<uint8_t> bytes);

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
  bool has_past = false;  // with the tokens that are known, and the checkpoints whose states are kept
};

// A snapshot at `at` as a file, which appears whole or not at all. `label` is that
// of a prefix object. The codes of OutputFile.
absl::Status SaveSnapshot(const Model& model, const StreamState& at, std::optional<PrefixLabel> label,
                          const std::string& path, const SaveOptions& options);
// The codes of File::Open, and of RestoreSnapshot with the path in front.
absl::StatusOr<RestoredSnapshot> LoadSnapshot(Model& model, const std::string& path);

// The size of the file of a prefix object, without its past.
uint64_t PrefixFileBytes(const Model& model, const StreamState& at, const PrefixLabel& label);

}  // namespace skein

#endif  // SKEIN_ENGINE_STREAM_SNAPSHOT_H_
