// A stream as versioned bytes, little-endian:
//
//   offset size
//        0    8  magic "SKEINSNP"
//        8    4  version of the layout, 1
//       12    4  size of the header in bytes, 112
//       16    8  size of the whole snapshot in bytes
//       24    8  position: tokens committed
//       32    8  number of state floats
//       40    4  number of pending tokens, 0 or 1: sampled, not committed yet
//       44    4  the pending token
//       48    8  sample index
//       56   32  fingerprint of the source weights, as hex digits
//       88    4  RWKV generation
//       92    4  variant within the generation; 0 where written before variants ran
//       96    8  XXH3-64 of the state
//      104    8  XXH3-64 of the header before this field
//      112    …  the state: float32 in canonical layout
//
// A reader refuses a version it does not know. The state is canonical, so a snapshot restores on another backend, layer
// split, weight type or process; the fingerprint binds it to the source weights.
#ifndef SKEIN_STATE_SNAPSHOT_H_
#define SKEIN_STATE_SNAPSHOT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace skein {

struct Snapshot {
  std::string fingerprint;  // 32 hex digits
  uint32_t generation = 0;
  uint32_t variant = 0;
  uint64_t position = 0;
  uint64_t sample_index = 0;
  std::vector<uint32_t> pending;  // at most one token
  std::vector<float> state;
};

// Bytes of a snapshot with `num_state_floats` floats.
uint64_t SnapshotBytes(uint64_t num_state_floats);

// Writes a snapshot to `bytes`, which is exactly SnapshotBytes long.
void WriteSnapshot(const Snapshot& snapshot, absl::Span<uint8_t> bytes);

// Reads a snapshot, which is untrusted. DATA_LOSS: truncated, corrupt or not a snapshot; UNIMPLEMENTED: a version of
// the future. `num_state_floats` is what the model expects; another number is FAILED_PRECONDITION. Allocates no more
// than that.
absl::StatusOr<Snapshot> ReadSnapshot(absl::Span<const uint8_t> bytes, uint64_t num_state_floats);

}  // namespace skein

#endif  // SKEIN_STATE_SNAPSHOT_H_
