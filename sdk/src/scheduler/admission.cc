#include "scheduler/admission.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "scheduler/forecast.h"

namespace skein {
namespace {

// Without a pace nothing can be foreseen.
constexpr double kUnknownRetryUs = 100000;

// A forecast moves by so much as streams begin and end to decode.
constexpr double kDrift = 0.05;

int64_t Microseconds(Admission::Clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

int64_t DeadlineUs(int64_t now_us, std::optional<std::chrono::milliseconds> from_now) {
  return from_now.has_value() ? now_us + std::chrono::microseconds(*from_now).count() : kNoDeadline;
}

absl::Status Refuse(absl::string_view why, double retry_us) {
  const double ms = std::ceil(retry_us * Admission::kMargin / 1000);
  const auto retry_ms = static_cast<uint32_t>(std::clamp(ms, 1.0, 4e9));
  return WithRetryAfter(absl::ResourceExhaustedError(why), retry_ms);
}

// Of two statuses the one that says more: that a deadline can never be met, or that one has to wait longer.
absl::Status Worse(const absl::Status& a, const absl::Status& b) {
  if (a.ok() || absl::IsDeadlineExceeded(b)) return b;
  if (absl::IsDeadlineExceeded(a)) return a;
  return RetryAfterMs(b) > RetryAfterMs(a) ? b : a;
}

std::string NameOf(const Tenant& tenant) {
  return tenant.name().empty() ? "the common tenant" : absl::StrCat("tenant \"", tenant.name(), "\"");
}

std::unique_ptr<AdmittedJob> MakeJob(const Demand& demand, int64_t now_us) {
  auto job = std::make_unique<AdmittedJob>();
  job->tenant = demand.tenant;
  const bool has_deadline = demand.first_token.has_value() || demand.end.has_value();
  job->urgency = {now_us, demand.priority, DeadlineUs(now_us, demand.first_token), has_deadline};
  job->deadline_us = DeadlineUs(now_us, demand.end);
  job->num_tokens = job->num_tokens_left = demand.num_tokens;
  job->num_answer_tokens = demand.num_answer_tokens;
  job->num_answers = demand.num_answers;
  return job;
}

// Some of a tenant's jobs, the first by rank.
struct First {
  double num_tokens = 0;
  uint32_t num_waiting = 0;

  void Add(const AdmittedJob& job) {
    num_tokens += static_cast<double>(job.num_tokens_left);
    if (!job.is_running) ++num_waiting;
  }
};

bool HasDeadline(const AdmittedJob& job) {
  return job.urgency.first_token_deadline_us != kNoDeadline || job.deadline_us != kNoDeadline;
}

// Whether there is a deadline that `job`, with its rank, may miss or may make others miss. Where there is none, nothing
// needs to be forecast, which takes longer the more jobs wait.
bool ConcernsDeadlines(const AdmittedJob& job, absl::Span<AdmittedJob* const> reading) {
  if (HasDeadline(job)) return true;
  for (auto other = reading.rbegin(); other != reading.rend() && (*other)->rank_us > job.rank_us; ++other) {
    if (HasDeadline(**other)) return true;
  }
  return false;
}

// A queue that is empty has room for any number of tokens.
bool HasRoom(uint64_t queued, uint64_t num_tokens, uint64_t most) {
  return queued == 0 || (num_tokens <= most && queued <= most - num_tokens);
}

// The tokens that have to leave a queue so that it has room.
uint64_t Excess(uint64_t queued, uint64_t num_tokens, uint64_t most) {
  return num_tokens > most ? queued : queued - (most - num_tokens);
}

bool Meets(const JobForecast& forecast, const AdmittedJob& job, int64_t now_us, double margin) {
  const auto is_in_time = [now_us, margin](double us, int64_t deadline_us) {
    return deadline_us == kNoDeadline || us * margin <= static_cast<double>(deadline_us - now_us);
  };
  return is_in_time(forecast.first_token_us, job.urgency.first_token_deadline_us) &&
         is_in_time(forecast.end_us, job.deadline_us);
}

// The deadline of `job` that the forecast misses, in words; `*late_us` is by how much.
std::string DescribeMiss(const JobForecast& forecast, const AdmittedJob& job, int64_t now_us, absl::string_view load,
                         double* late_us) {
  const bool is_first = !Meets({forecast.first_token_us, 0}, job, now_us, Admission::kMargin);
  const double us = is_first ? forecast.first_token_us : forecast.end_us;
  const int64_t left_us = (is_first ? job.urgency.first_token_deadline_us : job.deadline_us) - now_us;
  const double most_us = static_cast<double>(left_us) / Admission::kMargin;
  *late_us = us - most_us;
  return absl::StrCat("deadline: the ", is_first ? "first" : "last", " token is to be expected in ",
                      std::llround(us / 1000), " ms ", load, "; expected at most ", std::llround(most_us / 1000),
                      ", for ", is_first ? "first_token_ms " : "deadline_ms ", left_us / 1000);
}

// Gives the counts back that a demand has got for nothing.
class CountsGuard {
 public:
  CountsGuard(Admitted& admitted, const Tenant& tenant) : admitted_(admitted), tenant_(tenant) {}
  CountsGuard(const CountsGuard&) = delete;
  CountsGuard& operator=(const CountsGuard&) = delete;
  ~CountsGuard() { admitted_.Forget(tenant_); }

 private:
  Admitted& admitted_;
  const Tenant& tenant_;
};

}  // namespace

void Ticket::OnFed(uint64_t num_tokens) noexcept {
  if (job_ == nullptr) return;
  const MutexLock lock(admission_->mutex_);
  admission_->admitted_.Feed(*job_, num_tokens);
}

void Ticket::OnSkipped(uint64_t num_tokens) noexcept {
  if (job_ == nullptr) return;
  const MutexLock lock(admission_->mutex_);
  admission_->admitted_.Skip(*job_, num_tokens);
}

void Ticket::OnDrawn() noexcept {
  if (job_ != nullptr) job_->num_drawn.fetch_add(1, std::memory_order_relaxed);
}

void Ticket::Release() noexcept {
  if (job_ == nullptr) return;
  {
    const MutexLock lock(admission_->mutex_);
    admission_->admitted_.Remove(*job_);
  }
  job_.reset();
  admission_.reset();
}

absl::StatusOr<std::vector<Ticket>> Admission::Admit(absl::Span<const Demand> demands, Clock::time_point now) {
  const int64_t now_us = Microseconds(now);
  std::vector<std::unique_ptr<AdmittedJob>> jobs;
  for (const Demand& demand : demands) jobs.push_back(MakeJob(demand, now_us));
  std::vector<Ticket> tickets(demands.size());
  const std::shared_ptr<Admission> self = shared_from_this();
  absl::Status status;
  {
    const MutexLock lock(mutex_);
    for (const Demand& demand : demands) admitted_.Offer(*demand.tenant, demand.num_tokens, now_us);
    status = CheckBounds(demands, now_us);
    const bool has_room = status.ok();
    for (size_t i = 0; i < jobs.size(); ++i) {
      const CountsGuard guard(admitted_, *jobs[i]->tenant);
      const absl::Status in_time = CheckDeadlines(*jobs[i], now_us);
      status = Worse(status, in_time);
      if (!in_time.ok()) break;
      if (!has_room) continue;
      admitted_.Add(*jobs[i]);
      tickets[i].admission_ = self;
      tickets[i].job_ = std::move(jobs[i]);
    }
  }
  // The tickets of a refused call give their places back outside the lock, which they take.
  if (!status.ok()) return status;
  return tickets;
}

double Admission::PromptTokenUs() const {
  const uint64_t chunk = pace_.ChunkBeside(admitted_.num_decoding());
  return pace_.StepUs(admitted_.num_decoding(), chunk) / static_cast<double>(chunk);
}

double Admission::PromptTokensPerSecond() const {
  const MutexLock lock(mutex_);
  return pace_.is_known() ? 1e6 / PromptTokenUs() : 0;
}

uint64_t Admission::MaxQueued() const {
  if (limits_.max_queued_tokens != 0) return limits_.max_queued_tokens;
  if (!pace_.is_known()) return std::numeric_limits<uint64_t>::max();
  // Alone, so that the bound stays while streams come and go.
  const double token_us = pace_.cost.PromptTime(pace_.limits.max_tokens) / pace_.limits.max_tokens;
  const auto in_time = static_cast<uint64_t>(static_cast<double>(kQueueTime.count()) / token_us);
  return std::max({in_time, uint64_t{pace_.limits.max_tokens}, kLongPrompt});
}

uint64_t Admission::MaxQueuedOf(const Tenant& tenant) const {
  if (const uint64_t own = tenant.max_queued_tokens(); own != 0) return own;
  const uint64_t all = MaxQueued();
  const bool is_alone = tenants_->size() <= 1;
  return is_alone || all == std::numeric_limits<uint64_t>::max() ? all : std::max<uint64_t>(1, all / 2);
}

absl::Status Admission::CheckBounds(absl::Span<const Demand> demands, int64_t now_us) const {
  std::map<const Tenant*, uint64_t> wanted;
  uint64_t all_wanted = 0;
  for (const Demand& demand : demands) {
    wanted[demand.tenant.get()] += demand.num_tokens;
    all_wanted += demand.num_tokens;
  }
  absl::Status status;
  for (const auto& [tenant, num_tokens] : wanted) {
    const AdmittedTenant* counts = admitted_.Find(*tenant);
    const uint64_t most = MaxQueuedOf(*tenant);
    if (counts == nullptr || HasRoom(counts->queued_tokens, num_tokens, most)) continue;
    status = Worse(status,
                   Refuse(absl::StrCat("queue: ", counts->queued_tokens, " tokens of ", NameOf(*tenant), " wait, and ",
                                       num_tokens, " are to join them; expected at most ", most, " in all"),
                          RoomUs(*counts, num_tokens, most, now_us)));
  }
  const uint64_t most = MaxQueued();
  if (HasRoom(admitted_.queued_tokens(), all_wanted, most)) return status;
  return Worse(status, Refuse(absl::StrCat("queue: ", admitted_.queued_tokens(), " tokens of all tenants wait, and ",
                                           all_wanted, " are to join them; expected at most ", most, " in all"),
                              AllRoomUs(all_wanted, most, now_us)));
}

double Admission::RoomUs(const AdmittedTenant& counts, uint64_t num_tokens, uint64_t most, int64_t now_us) const {
  if (!pace_.is_known()) return kUnknownRetryUs;
  const auto excess = static_cast<double>(Excess(counts.queued_tokens, num_tokens, most));
  First first;
  for (const AdmittedJob* job : counts.reading) {
    if (first.num_tokens < excess) first.Add(*job);
  }
  const Forecast forecast(admitted_, counts, pace_, AdmittedJob(), now_us);
  return forecast.TickUs() + forecast.ReadUs(excess, first.num_waiting);
}

double Admission::AllRoomUs(uint64_t num_tokens, uint64_t most, int64_t now_us) const {
  if (!pace_.is_known()) return kUnknownRetryUs;
  const auto excess = static_cast<double>(Excess(admitted_.queued_tokens(), num_tokens, most));
  const double part = excess / static_cast<double>(admitted_.queued_tokens());
  const auto num_waiting = static_cast<uint32_t>(std::ceil(part * admitted_.num_waiting()));
  const Forecast forecast(admitted_, admitted_.tenants().begin()->second, pace_, AdmittedJob(), now_us);
  return forecast.TickUs() + forecast.ReadAllUs(excess, num_waiting);
}

absl::Status Admission::CheckDeadlines(AdmittedJob& job, int64_t now_us) {
  job.rank_us = RankOf(job.urgency, limits_.age_limit_us, static_cast<int64_t>(pace_.cost.PromptTime(job.num_tokens)));
  if (!pace_.is_known()) return absl::OkStatus();
  const AdmittedTenant& counts = admitted_.CountsOf(*job.tenant);
  if (!ConcernsDeadlines(job, counts.reading)) return absl::OkStatus();
  const Forecast forecast(admitted_, counts, pace_, job, now_us);
  First before;
  for (const AdmittedJob* other : counts.reading) {
    if (other->rank_us <= job.rank_us) before.Add(*other);
  }
  const auto num_tokens = before.num_tokens + static_cast<double>(job.num_tokens);
  const JobForecast expected = forecast.Of(job, num_tokens, before.num_waiting);
  if (!Meets(expected, job, now_us, kMargin)) return LateStatus(expected, job, forecast.TickUs(), now_us);
  return CheckThoseBehind(job, counts, forecast, now_us);
}

absl::Status Admission::LateStatus(const JobForecast& expected, const AdmittedJob& job, double tick_us,
                                   int64_t now_us) const {
  Admitted nobody;
  const Forecast empty(nobody, nobody.CountsOf(*job.tenant), pace_, job, now_us);
  const JobForecast alone = empty.Of(job, static_cast<double>(job.num_tokens), 0);
  double late_us;
  if (!Meets(alone, job, now_us, kMargin)) {
    return absl::DeadlineExceededError(DescribeMiss(alone, job, now_us, "even if nothing else runs", &late_us));
  }
  const std::string why = DescribeMiss(expected, job, now_us, "under the present load", &late_us);
  return Refuse(why, late_us + tick_us + kDrift * expected.first_token_us);
}

absl::Status Admission::CheckThoseBehind(const AdmittedJob& job, const AdmittedTenant& counts, const Forecast& forecast,
                                         int64_t now_us) const {
  First before;
  for (const AdmittedJob* other : counts.reading) {
    before.Add(*other);
    if (other->rank_us <= job.rank_us || !HasDeadline(*other)) continue;
    const uint32_t num_ahead = before.num_waiting - (other->is_running ? 0 : 1);
    const JobForecast without = forecast.Of(*other, before.num_tokens, num_ahead);
    const JobForecast with =
        forecast.Of(*other, before.num_tokens + static_cast<double>(job.num_tokens), num_ahead + 1);
    if (Meets(with, *other, now_us, 1) || !Meets(without, *other, now_us, 1)) continue;
    return Refuse(absl::StrCat("deadline: going ahead of those with a later deadline or a lower priority, these ",
                               job.num_tokens, " tokens would keep one from being in time that was admitted"),
                  without.first_token_us + forecast.TickUs());
  }
  return absl::OkStatus();
}

void Admission::SetPace(const Pace& pace) noexcept {
  const MutexLock lock(mutex_);
  pace_ = pace;
}

QueueLoad Admission::Load() const {
  const MutexLock lock(mutex_);
  return {admitted_.queued_tokens(), MaxQueued(), admitted_.num_waiting(), admitted_.num_running()};
}

QueueLoad Admission::LoadOf(const Tenant& tenant) const {
  const MutexLock lock(mutex_);
  QueueLoad load = {.max_queued_tokens = MaxQueuedOf(tenant)};
  if (const AdmittedTenant* counts = admitted_.Find(tenant)) {
    load.queued_tokens = counts->queued_tokens;
    load.num_waiting = counts->num_waiting;
    load.num_running = counts->num_running;
  }
  return load;
}

}  // namespace skein
