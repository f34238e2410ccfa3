// Something that feeds tokens to one stream: an item of an eval, or a request. The step loop asks jobs for their
// tokens, plans steps over them, and tells each how its part of a step ended.
#ifndef SKEIN_ENGINE_JOB_H_
#define SKEIN_ENGINE_JOB_H_

#include <cstdint>

#include "absl/status/status.h"
#include "engine/feed.h"
#include "skein/backend.h"
#include "state/state_pool.h"

namespace skein {

// Threads: the engine's, one at a time; Advance of different jobs runs in parallel.
class Job {
 public:
  enum class Readiness {
    kReady,    // has tokens to feed
    kWaiting,  // waits for its reader; the code that ends the wait calls Engine::Notify
    kEnded,    // leaves the engine
  };

  virtual ~Job() = default;

  // The readiness of the job now, with no part in flight. A job that was asked to end does so here.
  virtual Readiness Poll() noexcept = 0;

  // Whether a job with parts in flight takes part in a further step. Not once it was asked to end, or has.
  virtual bool WantsMore() const noexcept { return true; }

  // Whether the job goes on with whatever token the device draws in a step in flight, when all the tokens that it knows
  // are in flight.
  virtual bool GoesOnWithDrawn() const noexcept { return false; }

  // The tokens to feed. The step loop issues them and takes them back; the job does the rest.
  virtual Feed& feed() = 0;

  // Sets in `entry` the outputs that the job wants of its next `num_tokens` tokens, which are issued then. They may be
  // one token that is still to be drawn.
  virtual void WantOutputs(uint32_t num_tokens, skein_step_entry& entry) = 0;

  // The oldest `num_tokens` of the issued tokens were fed, the outputs are written, and the new state is in `written`.
  // It may throw; then Fail is called.
  virtual void Advance(uint32_t num_tokens, StateRef written) = 0;

  // Ends the job because of an error, with no part in flight. No effect on a job that ended. The stream stands at its
  // last committed place. The error may be a lack of memory, so Fail must do without allocating any.
  virtual void Fail(const absl::Status& status) noexcept = 0;
};

}  // namespace skein

#endif  // SKEIN_ENGINE_JOB_H_
