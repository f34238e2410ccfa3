// The snapshots that were written before 1.0. They are read, but never written any more. Little-endian:
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
#ifndef SKEIN_STATE_SNAPSHOT_V1_H_
#define SKEIN_STATE_SNAPSHOT_V1_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "skein/backend.h"
#include "state/snapshot_content.h"

namespace skein {

// As ReadSnapshot, for bytes with the magic and version 1.
absl::StatusOr<Snapshot> ReadSnapshotV1(const skein_backend_model& model, absl::Span<const uint8_t> bytes,
                                        absl::Span<float> state);

}  // namespace skein

#endif  // SKEIN_STATE_SNAPSHOT_V1_H_
