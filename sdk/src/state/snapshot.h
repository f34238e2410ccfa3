// A stream as versioned bytes, little-endian:
//
//   offset size
//        0    8  magic "SKEINSNP"
//        8    4  version of the layout, 2
//       12    4  0
//       16    8  size of the whole snapshot in bytes
//       24    8  size of the header in bytes
//       32    8  XXH3-64 of the header
//       40    8  offset of the sections: the header's end, rounded up to 64
//       48    8  0
//       56    8  XXH3-64 of the 56 bytes before
//       64       the header: a serialised skein.v1.Snapshot (proto/skein/v1/snapshot.proto)
//                zeros up to the sections
//                the sections in the order of the header, each at a multiple of 64, with its checksum in the header;
//                the bytes between them, and from the last to the end at a multiple of 64, are zero
//
// A reader refuses a version of the layout that it does not know, and passes over unknown sections that are marked as
// optional. ReadSnapshot also reads version 1 (snapshot_v1.h). The state is canonical, so a snapshot restores on
// another backend, layer split, weight type or process; the fingerprint binds it to the source weights.
#ifndef SKEIN_STATE_SNAPSHOT_H_
#define SKEIN_STATE_SNAPSHOT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "skein/backend.h"
#include "state/snapshot_content.h"

namespace skein {

// Bytes of a snapshot of a model with states of `shape`. The size depends on `pending`, on the number of tokens that
// occurred, and on what the snapshot carries of the past. The fingerprint and all states may still be missing.
uint64_t SnapshotBytes(const skein_backend_model& model, const Snapshot& snapshot);

// Writes a snapshot to `bytes`, which is exactly SnapshotBytes long. `state` takes the place of snapshot.state, so that
// its memory need not be a vector's, which is cleared before it is filled.
void WriteSnapshot(const skein_backend_model& model, const Snapshot& snapshot, absl::Span<const float> state,
                   absl::Span<uint8_t> bytes);

// Reads a snapshot, which is untrusted, for a model with states of `shape`. DATA_LOSS: truncated, corrupt or not a
// snapshot; UNIMPLEMENTED: of a later version, or with a part that a reader must understand and this version does not;
// FAILED_PRECONDITION: of a model of another version or with states of another shape. The caller compares the
// fingerprint. Allocates in proportion to the state, the vocabulary and the bytes, whatever they say.
absl::StatusOr<Snapshot> ReadSnapshot(const skein_backend_model& model, absl::Span<const uint8_t> bytes);

// The same, but the state goes to `state`, which is StateFloats(model) long, and not into the result. What is in
// `state` after a failure means nothing.
absl::StatusOr<Snapshot> ReadSnapshot(const skein_backend_model& model, absl::Span<const uint8_t> bytes,
                                      absl::Span<float> state);

// The description of a snapshot that it carries.
struct SnapshotSummary {
  std::string fingerprint;
  uint32_t generation = 0;
  uint32_t variant = 0;
  uint64_t position = 0;
  uint32_t num_pending = 0;
  uint64_t num_bytes = 0;  // of the snapshot
  uint64_t state_bytes = 0;
  std::optional<PrefixLabel> label;
  uint64_t num_tokens = 0;  // that it carries
  struct Checkpoint {
    uint64_t position = 0;
    std::string name;
  };
  std::vector<Checkpoint> checkpoints;
};

// Reads it without a model, from untrusted bytes of version 2. Compares all checksums. DATA_LOSS: truncated, corrupt or
// not a snapshot. UNIMPLEMENTED: of another version.
absl::StatusOr<SnapshotSummary> SummariseSnapshot(absl::Span<const uint8_t> bytes);

}  // namespace skein

#endif  // SKEIN_STATE_SNAPSHOT_H_
