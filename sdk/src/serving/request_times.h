// The times at which a request reached the phases of its life, for its events.
#ifndef SKEIN_SERVING_REQUEST_TIMES_H_
#define SKEIN_SERVING_REQUEST_TIMES_H_

#include <chrono>
#include <cstdint>
#include <optional>

#include "skein/request.h"

namespace skein {

// Made when the request is submitted. Threads: one at a time.
class RequestTimes {
 public:
  using Clock = std::chrono::steady_clock;

  // A step that feeds a token of the request begins. Only the first call counts.
  void OnStep(Clock::time_point now = Clock::now()) { begun_ = begun_.value_or(now); }

  // The prompt's last token was fed. Only the first call counts.
  void OnPromptRead(Clock::time_point now = Clock::now()) { prompt_read_ = prompt_read_.value_or(now); }

  // Sets queue_us, prefill_us and decode_us. The phase in progress is counted up to `now`.
  void Fill(skein_event& event, Clock::time_point now = Clock::now()) const {
    const Clock::time_point begun = begun_.value_or(now);
    const Clock::time_point prompt_read = prompt_read_.value_or(now);
    event.queue_us = Microseconds(begun - submitted_);
    event.prefill_us = Microseconds(prompt_read - begun);
    event.decode_us = Microseconds(now - prompt_read);
  }

  explicit RequestTimes(Clock::time_point submitted = Clock::now()) : submitted_(submitted) {}

 private:
  static uint64_t Microseconds(Clock::duration duration) {
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
  }

  Clock::time_point submitted_;
  std::optional<Clock::time_point> begun_;
  std::optional<Clock::time_point> prompt_read_;
};

}  // namespace skein

#endif  // SKEIN_SERVING_REQUEST_TIMES_H_
