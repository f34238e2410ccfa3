// The steps that a step runner has begun, from their plan to the status of each part. What becomes of a part then is
// the step loop's affair.
#ifndef SKEIN_ENGINE_STEPS_IN_FLIGHT_H_
#define SKEIN_ENGINE_STEPS_IN_FLIGHT_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/running_job.h"
#include "engine/step_runner.h"
#include "state/state_pool.h"

namespace skein {

// One job's part of a step.
struct StepPart {
  RunningJob* running = nullptr;
  uint32_t num_tokens = 0;
  StatePin read;
  StatePin written;
  uint32_t drawn_by = 0;        // as in its entry
  uint64_t num_take_backs = 0;  // of the feed when the part was issued
  absl::Status status;
  bool is_concluded = false;

  Job& job() const { return *running->job; }
  // False: what the job had issued was taken back, so the part's result is dropped.
  bool counts() const { return job().feed().num_take_backs == num_take_backs; }
};

struct StepInFlight {
  std::vector<StepPart> parts;
  std::vector<uint32_t> tokens;
  std::vector<skein_step_entry> entries;
  bool is_begun = false;  // the runner has it
  absl::Status whole;     // of the step as a whole, once it is finished
  std::chrono::steady_clock::time_point begin;
};

// Steps are finished in the order in which they were begun. Threads: one at a time.
class StepsInFlight {
 public:
  // `runner` outlives this object. A step has at most `max_parts` parts and `max_tokens` tokens.
  StepsInFlight(StepRunner& runner, uint32_t max_parts, uint32_t max_tokens);

  bool empty() const { return num_steps_ == 0; }
  size_t size() const { return num_steps_; }
  // The jobs that have parts in flight.
  uint32_t num_jobs() const { return num_jobs_; }
  // Not while as many steps are in flight as the runner takes, and not behind a step that failed.
  bool CanBegin() const { return num_steps_ < steps_.size() && !is_drained_; }

  // Whether the job has a part in the step that was begun last, which may draw the token that comes next.
  bool IsInLast(const RunningJob& running) const { return num_steps_ > 0 && running.last_step == num_begun_; }

  // The place of the next step, if CanBegin. Its parts have `running`, `num_tokens`, `read` (the state behind what
  // their jobs have issued) and `written`.
  StepInFlight& next() { return steps_[(first_ + num_steps_) % steps_.size()]; }
  // Issues the parts of `next` and begins it. An error is kept for Finish.
  void Begin() noexcept;

  // Waits for the oldest step, and gives its parts their statuses. The step stays in flight until Pop.
  StepInFlight& Finish() noexcept;
  // Waits for all steps. No other begins until the last of them was popped.
  void Drain() noexcept;
  void Pop() noexcept;

  // Runs a part of the oldest step again, as a step of its own, and gives it its status. All steps are drained.
  void RunAlone(StepInFlight& step, StepPart& part) noexcept;

 private:
  // Asks the jobs for the tokens and outputs of `parts`.
  static void Describe(StepInFlight& step, absl::Span<StepPart> parts);
  absl::Status Start(StepInFlight& step, absl::Span<StepPart> parts) noexcept;
  void Wait(StepInFlight& step, absl::Span<StepPart> parts) noexcept;

  StepRunner& runner_;
  std::vector<StepInFlight> steps_;  // a ring
  size_t first_ = 0;
  size_t num_steps_ = 0;
  uint32_t num_jobs_ = 0;
  uint64_t num_begun_ = 0;
  bool is_drained_ = false;
};

}  // namespace skein

#endif  // SKEIN_ENGINE_STEPS_IN_FLIGHT_H_
