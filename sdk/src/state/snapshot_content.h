// The content of a snapshot, apart from its bytes.
#ifndef SKEIN_STATE_SNAPSHOT_CONTENT_H_
#define SKEIN_STATE_SNAPSHOT_CONTENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "sampling/sampler_state.h"

namespace skein {

// No stream gets so far. A position up to it and a count of tokens have a sum that cannot overflow.
constexpr uint64_t kMaxPosition = uint64_t{1} << 62;

struct Snapshot {
  std::string fingerprint;        // of the source weights: 32 lower-case hex digits
  uint64_t position = 0;          // tokens in the state; at most kMaxPosition
  std::vector<uint32_t> pending;  // sampled and not in the state yet; at most one
  SamplerState sampler;           // of the request that ran last on the stream
  std::vector<float> state;       // canonical, StateFloats(model) long
};

}  // namespace skein

#endif  // SKEIN_STATE_SNAPSHOT_CONTENT_H_
