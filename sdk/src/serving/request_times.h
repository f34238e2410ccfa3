// The times at which a request reached the phases of its life, for its events, for the model's metrics, and for the
// trace if there is one.
#ifndef SKEIN_SERVING_REQUEST_TIMES_H_
#define SKEIN_SERVING_REQUEST_TIMES_H_

#include <chrono>
#include <cstdint>
#include <optional>

#include "runtime/model_observer.h"
#include "skein/request.h"

namespace skein {

// Made when the request is submitted. Threads: one at a time. Allocates nothing.
class RequestTimes {
 public:
  using Clock = std::chrono::steady_clock;

  explicit RequestTimes(Clock::time_point submitted = Clock::now()) : submitted_(submitted) {}

  // A step that feeds a token of the request begins. Only the first call counts.
  void OnStep(ModelObserver& observer, Clock::time_point now = Clock::now()) noexcept;

  // The prompt's last token was fed. Only the first call counts.
  void OnPromptRead(ModelObserver& observer, Clock::time_point now = Clock::now()) noexcept;

  // The request's first token is there.
  void OnFirstToken(ModelObserver& observer, TenantObserver& tenant,
                    Clock::time_point now = Clock::now()) const noexcept {
    observer.OnFirstToken(now - submitted_);
    tenant.OnFirstToken(now - submitted_);
  }

  // Sets queue_us, prefill_us and decode_us. The phase in progress is counted up to `now`.
  void Fill(skein_event& event, Clock::time_point now = Clock::now()) const noexcept;

  // The request ends with `terminal`.
  void OnEnd(ModelObserver& observer, const skein_event& terminal, Clock::time_point now = Clock::now()) noexcept;

 private:
  // Tells the trace of the submission: then the request is there with its first phase.
  void BeginTrace(ModelObserver& observer) noexcept;

  Clock::time_point submitted_;
  std::optional<Clock::time_point> begun_;
  std::optional<Clock::time_point> prompt_read_;
  uint64_t trace_id_ = 0;  // 0: the trace knows nothing of it yet, or there is none
};

// The times between the tokens of one sample. Threads: one at a time.
class TokenGaps {
 public:
  using Clock = RequestTimes::Clock;

  // Another token is there.
  void OnToken(ModelObserver& observer, TenantObserver& tenant, Clock::time_point now = Clock::now()) noexcept {
    if (last_.has_value()) observer.OnNextToken(now - *last_);
    if (last_.has_value()) tenant.OnNextToken(now - *last_);
    last_ = now;
  }

  // The sample waits for its reader: the time to its next token tells nothing of the model.
  void OnPause() noexcept { last_.reset(); }

 private:
  std::optional<Clock::time_point> last_;
};

}  // namespace skein

#endif  // SKEIN_SERVING_REQUEST_TIMES_H_
