// A place in the sequence of a stream.
#ifndef SKEIN_ENGINE_STREAM_STATE_H_
#define SKEIN_ENGINE_STREAM_STATE_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "sampling/sampler_state.h"
#include "state/history.h"
#include "state/state_pool.h"

namespace skein {

// A value: copying it shares the state and allocates nothing.
struct StreamState {
  StateRef state;                   // empty: the initial state of the architecture
  uint64_t position = 0;            // tokens that are in the state
  std::optional<uint32_t> pending;  // the token that was sampled and is not in the state yet
  // The memory of the sampler of the request that ran last; nullptr: no request ran.
  std::shared_ptr<const SamplerState> sampler;
  History history;  // of the tokens in the state; ends at `position`, if anything is recorded
  // Whether the stream has only gone on from its start to here, so that its tokens alone say what the state is.
  bool is_start = false;
};

}  // namespace skein

#endif  // SKEIN_ENGINE_STREAM_STATE_H_
