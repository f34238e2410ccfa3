// The sections that a snapshot may have beside the state: the tokens that led to it, and earlier states. A reader that
// does not know these sections passes over them.
#ifndef SKEIN_STATE_SNAPSHOT_PAST_H_
#define SKEIN_STATE_SNAPSHOT_PAST_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "skein/backend.h"
#include "skein/v1/snapshot.pb.h"
#include "state/snapshot.h"
#include "state/snapshot_content.h"

namespace skein {

// Adds label, checkpoints and their sections to a header, with checksums of 0. The states of the checkpoints may still
// be missing.
void DescribePast(const skein_backend_model& model, const Snapshot& snapshot, v1::Snapshot& header);

// The bytes of the sections that DescribePast adds, in that order. They live as long as `snapshot` is not changed.
std::vector<absl::Span<const uint8_t>> PastSections(const Snapshot& snapshot);

// Reads what DescribePast wrote from an untrusted header. `sections` has the bytes of each of its sections, checked
// against their checksums. DATA_LOSS: they contradict the header, the position or the model.
absl::Status ReadPast(const skein_backend_model& model, const v1::Snapshot& header,
                      absl::Span<const absl::Span<const uint8_t>> sections, Snapshot& snapshot);

// Adds to a summary what an untrusted header says of the past. DATA_LOSS: a text is too long or no UTF-8.
absl::Status SummarisePast(const v1::Snapshot& header, SnapshotSummary& summary);

}  // namespace skein

#endif  // SKEIN_STATE_SNAPSHOT_PAST_H_
