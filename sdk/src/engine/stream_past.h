// The past of a stream in a snapshot: its tokens, as far as they are known, and its checkpoints. A state at position 0
// that is not the architecture's own is a checkpoint there.
#ifndef SKEIN_ENGINE_STREAM_PAST_H_
#define SKEIN_ENGINE_STREAM_PAST_H_

#include <vector>

#include "engine/model.h"
#include "engine/stream_state.h"
#include "state/history.h"
#include "state/snapshot_content.h"
#include "state/state_pool.h"

namespace skein {

// Adds the past of a stream at `at` to `snapshot`: the tokens, and the checkpoints whose states are kept. Gives their
// states, which are still to be copied to it, in the same order. Throws std::bad_alloc.
std::vector<StateRef> DescribePast(const StreamState& at, Snapshot& snapshot);

// The history of a stream that goes on from `snapshot` at `at`, which still has none. Where there is no room for the
// states of its checkpoints, it has fewer of them. Throws std::bad_alloc.
History RestorePast(Model& model, const Snapshot& snapshot, const StreamState& at);

}  // namespace skein

#endif  // SKEIN_ENGINE_STREAM_PAST_H_
