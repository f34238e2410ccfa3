// Admission to the queue of a model. Admission counts the tokens that wait, of each tenant and in all, and refuses jobs
// that the bounds and the deadlines have no room for. It decides in the submitting thread and waits for no step. The
// order in which admitted jobs run is the scheduler's.
//
// - The tokens that wait are those of prompts and evals that are known and not fed. A bound that is not set is what is
//   read in kQueueTime, by the measured time of the largest steps, but at least a step, and at least kLongPrompt
//   tokens. The bound of one tenant is half of it while other tenants are there. Demands that find an empty queue are
//   admitted whatever they ask, so that a long prompt has its turn too.
// - A demand with deadlines is admitted if the forecast [forecast.h] meets them with kMargin to spare, and if the jobs
//   that it goes ahead of still meet theirs.
// - A refusal says when to come again. The time holds if nobody else comes meanwhile.
#ifndef SKEIN_SCHEDULER_ADMISSION_H_
#define SKEIN_SCHEDULER_ADMISSION_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/mutex.h"
#include "scheduler/admitted.h"
#include "scheduler/pace.h"
#include "scheduler/tenant.h"

namespace skein {

class Forecast;
struct JobForecast;

// The demand of a job.
struct Demand {
  std::shared_ptr<Tenant> tenant;
  uint64_t num_tokens = 0;         // known, to be fed; at least 1
  uint64_t num_answer_tokens = 0;  // to be drawn, at most; 0: an eval
  uint32_t num_answers = 1;        // of so many tokens each, behind one prompt
  int32_t priority = 0;            // the higher goes first
  // The times, from now on, by which the first token and the last are to be there.
  std::optional<std::chrono::milliseconds> first_token = {};
  std::optional<std::chrono::milliseconds> end = {};
};

// The load of a model, or of one tenant.
struct QueueLoad {
  uint64_t queued_tokens = 0;
  uint64_t max_queued_tokens = 0;  // the bound that holds now; UINT64_MAX: none, because no pace is known yet
  uint32_t num_waiting = 0;        // jobs without a share so far
  uint32_t num_running = 0;        // jobs that had one
};

struct AdmissionLimits {
  uint64_t max_queued_tokens = 0;    // 0: by the pace
  int64_t age_limit_us = 1'000'000;  // the scheduler's
};

class Admission;

// A job's place in the counts. Threads: one at a time.
class Ticket {
 public:
  Ticket() = default;
  Ticket(Ticket&& other) noexcept = default;
  Ticket& operator=(Ticket&& other) noexcept {
    std::swap(admission_, other.admission_);
    std::swap(job_, other.job_);
    return *this;
  }
  ~Ticket() { Release(); }

  bool empty() const { return job_ == nullptr; }
  // Its constant part. Not of an empty ticket.
  const AdmittedJob& job() const { return *job_; }
  // Its tenant, as the scheduler knows it.
  std::shared_ptr<TenantQueues> tenant() const { return {job_->tenant, &job_->tenant->queues()}; }

  // These have no effect on an empty ticket. OnFed: so many of the known tokens were fed. OnSkipped: so many need not
  // be fed. OnDrawn: a token of the answer was drawn. Release: the place is given back.
  void OnFed(uint64_t num_tokens) noexcept;
  void OnSkipped(uint64_t num_tokens) noexcept;
  void OnDrawn() noexcept;
  void Release() noexcept;

 private:
  friend class Admission;

  std::shared_ptr<Admission> admission_;
  std::unique_ptr<AdmittedJob> job_;
};

// Threads: any.
class Admission : public std::enable_shared_from_this<Admission> {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr std::chrono::microseconds kQueueTime{4000000};
  static constexpr uint64_t kLongPrompt = 8192;
  static constexpr double kMargin = 1.25;

  // `tenants`: the table of the demands' tenants. `pace`: by which it forecasts; it may be unknown.
  static std::shared_ptr<Admission> Create(const AdmissionLimits& limits, std::shared_ptr<const TenantTable> tenants,
                                           const Pace& pace) {
    return std::shared_ptr<Admission>(new Admission(limits, std::move(tenants), pace));
  }
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  // Admits all of `demands`, or none. RESOURCE_EXHAUSTED, with the time after which to try again: a bound is reached,
  // or a deadline cannot be met under this load. DEADLINE_EXCEEDED: a deadline could not be met without any load.
  absl::StatusOr<std::vector<Ticket>> Admit(absl::Span<const Demand> demands, Clock::time_point now = Clock::now());

  // The pace from now on; of the same model. Allocates nothing.
  void SetPace(const Pace& pace) noexcept;

  QueueLoad Load() const;
  QueueLoad LoadOf(const Tenant& tenant) const;
  // The pace of reading prompts at present; 0: not known yet.
  double PromptTokensPerSecond() const;

 private:
  friend class Ticket;

  Admission(const AdmissionLimits& limits, std::shared_ptr<const TenantTable> tenants, const Pace& pace)
      : limits_(limits), tenants_(std::move(tenants)), pace_(pace) {}

  double PromptTokenUs() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The bounds that hold now.
  uint64_t MaxQueued() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t MaxQueuedOf(const Tenant& tenant) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckBounds(absl::Span<const Demand> demands, int64_t now_us) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The time until the queue, of one tenant or of all, has room for `num_tokens` below `most`.
  double RoomUs(const AdmittedTenant& counts, uint64_t num_tokens, uint64_t most, int64_t now_us) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  double AllRoomUs(uint64_t num_tokens, uint64_t most, int64_t now_us) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether `job`, which gets its rank, and those behind it will be in time.
  absl::Status CheckDeadlines(AdmittedJob& job, int64_t now_us) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // That a job is not in time: now, or ever. `tick_us`: Forecast::TickUs.
  absl::Status LateStatus(const JobForecast& expected, const AdmittedJob& job, double tick_us, int64_t now_us) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckThoseBehind(const AdmittedJob& job, const AdmittedTenant& counts, const Forecast& forecast,
                                int64_t now_us) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const AdmissionLimits limits_;
  const std::shared_ptr<const TenantTable> tenants_;
  mutable Mutex mutex_;
  Pace pace_ ABSL_GUARDED_BY(mutex_);
  Admitted admitted_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace skein

#endif  // SKEIN_SCHEDULER_ADMISSION_H_
