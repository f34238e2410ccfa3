// The content of a snapshot, apart from its bytes.
#ifndef SKEIN_STATE_SNAPSHOT_CONTENT_H_
#define SKEIN_STATE_SNAPSHOT_CONTENT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sampling/sampler_state.h"

namespace skein {

// No stream gets so far. A position up to it and a count of tokens have a sum that cannot overflow.
constexpr uint64_t kMaxPosition = uint64_t{1} << 62;

// The texts of a prefix object.
struct PrefixLabel {
  static constexpr size_t kMaxNameBytes = 127;
  static constexpr size_t kMaxProvenanceBytes = 4095;

  std::string name;        // UTF-8, at most kMaxNameBytes
  std::string provenance;  // where its text comes from: UTF-8, at most kMaxProvenanceBytes
};

// A place before the snapshot's, with its state.
struct SnapshotCheckpoint {
  static constexpr size_t kMaxNameBytes = 63;

  uint64_t position = 0;
  std::string name;            // UTF-8, at most kMaxNameBytes; may be empty
  uint64_t name_position = 0;  // where the name stands: at `position`, or one token behind it
  std::vector<float> state;    // canonical
};

struct Snapshot {
  std::string fingerprint;           // of the source weights: 32 lower-case hex digits
  uint64_t position = 0;             // tokens in the state; at most kMaxPosition
  std::vector<uint32_t> pending;     // sampled and not in the state yet; at most one
  SamplerState sampler;              // of the request that ran last on the stream
  std::vector<float> state;          // canonical, StateFloats(model) long
  std::optional<PrefixLabel> label;  // of a prefix object
  // The last tokens in the state, as far back as they are known; at most `position`.
  std::vector<uint32_t> tokens;
  std::vector<SnapshotCheckpoint> checkpoints;  // at positions that do not fall, up to `position`
};

}  // namespace skein

#endif  // SKEIN_STATE_SNAPSHOT_CONTENT_H_
