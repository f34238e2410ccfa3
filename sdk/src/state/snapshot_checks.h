// The checks of a snapshot's content, which the readers of all versions share.
#ifndef SKEIN_STATE_SNAPSHOT_CHECKS_H_
#define SKEIN_STATE_SNAPSHOT_CHECKS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "numbers/state_layout.h"
#include "state/snapshot_content.h"

namespace skein {

// DATA_LOSS: not 32 lower-case hex digits. Asked before the text is in any message.
absl::Status CheckFingerprint(const std::string& fingerprint);

// Checks the model that a snapshot names. DATA_LOSS: the fingerprint is not 32 lower-case hex digits.
// FAILED_PRECONDITION: another generation or variant than that of `shape`.
absl::Status CheckSnapshotSource(const skein_backend_model& model, const std::string& fingerprint, uint32_t generation,
                                 uint32_t variant);

// DATA_LOSS: a position above kMaxPosition, more than one pending token, a token that is not in the vocabulary, or a
// sampler's state that no sampler has.
absl::Status CheckSnapshotValues(const skein_backend_model& model, const Snapshot& snapshot);

// DATA_LOSS: a float is not finite. A checksum proves nothing about a hostile writer, so this is asked before a state
// enters a device.
absl::Status CheckStateFinite(absl::Span<const float> state);

}  // namespace skein

#endif  // SKEIN_STATE_SNAPSHOT_CHECKS_H_
