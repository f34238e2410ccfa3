// Something that feeds tokens to one stream: an item of an eval, or a request. The step loop asks jobs for their
// tokens, plans steps over them, and tells each how its part of a step ended.
#ifndef SKEIN_ENGINE_JOB_H_
#define SKEIN_ENGINE_JOB_H_

#include <chrono>
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

  // The readiness of the job now. A job that was asked to end does so here.
  virtual Readiness Poll() noexcept = 0;

  // The time from which on Poll may end the job, if nothing else happens before; max() if there is none.
  virtual std::chrono::steady_clock::time_point next_deadline() const noexcept {
    return std::chrono::steady_clock::time_point::max();
  }

  // The tokens to feed: at least one while the job is ready.
  virtual const Feed& feed() const = 0;

  // Sets in `entry` the outputs that the job wants of its next `num_tokens` tokens.
  virtual void WantOutputs(uint32_t num_tokens, skein_step_entry& entry) = 0;

  // The next `num_tokens` tokens were fed, the outputs are written, and the new state is in `written`. It may throw;
  // then Fail is called.
  virtual void Advance(uint32_t num_tokens, StateRef written) = 0;

  // Ends the job because of an error. No effect on a job that ended. The stream stands at its last committed place. The
  // error may be a lack of memory, so Fail must do without allocating any.
  virtual void Fail(const absl::Status& status) noexcept = 0;
};

}  // namespace skein

#endif  // SKEIN_ENGINE_JOB_H_
