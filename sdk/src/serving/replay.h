// Tokens that a stream has read before, read once more from a state in front of them.
#ifndef SKEIN_SERVING_REPLAY_H_
#define SKEIN_SERVING_REPLAY_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/model.h"
#include "engine/stream_state.h"
#include "scheduler/tenant.h"

namespace skein {

// Reads `tokens`, of which there is one at least, from `from`, which has nothing pending, and waits for it. It waits
// and runs like an eval of the tenant. Gives the state behind them.
absl::StatusOr<StateRef> Replay(const Model& model, const std::shared_ptr<Tenant>& tenant, StreamState from,
                                absl::Span<const uint32_t> tokens);

}  // namespace skein

#endif  // SKEIN_SERVING_REPLAY_H_
