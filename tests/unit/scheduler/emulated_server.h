// A server in simulated time: the scheduler and the admission, over a device whose steps cost what a test says, which
// is not what the calibration told. Requests arrive at any time, also in the middle of a step.
#ifndef SKEIN_TESTS_UNIT_SCHEDULER_EMULATED_SERVER_H_
#define SKEIN_TESTS_UNIT_SCHEDULER_EMULATED_SERVER_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/admission.h"
#include "scheduler/pace.h"
#include "scheduler/scheduler.h"

namespace skein::test {

// The time of a step, and the time between it and the next, in microseconds.
struct DeviceCosts {
  double step_us = 350;
  double row_us = 40;
  double entry_us = 5;
  double between_us = 0;        // for each step
  double between_entry_us = 0;  // for each entry: text work
};

struct EmulatedDevice {
  DeviceCosts costs;
  double told = 1;  // a calibrated step by a real one
  // The factor of a step that begins at this time, which the test may make up as it likes.
  std::function<double(double now_us, std::mt19937_64& random)> slowness = [](double, std::mt19937_64&) { return 1.0; };
};

struct RequestMix {
  uint64_t min_prompt = 48, max_prompt = 48;
  uint64_t min_answer = 16, max_answer = 16;
  std::optional<std::chrono::milliseconds> first_token = std::chrono::milliseconds(1000);
  std::optional<std::chrono::milliseconds> end = std::chrono::milliseconds(3000);
  uint32_t max_running = 0;
};

class EmulatedServer {
 public:
  struct Outcome {
    uint64_t num_admitted = 0;
    uint64_t num_refused = 0;
    uint64_t num_in_time = 0;
    uint64_t num_late = 0;
    uint64_t num_tokens = 0;  // read and drawn, of those in time
    double service = 0;       // of all: a token that is drawn counts twice
  };

  EmulatedServer(const EmulatedDevice& device, const RequestMix& mix, size_t num_tenants, uint64_t seed)
      : device_(device),
        mix_(mix),
        random_(seed),
        limits_({.max_tokens = 512, .max_entries = 512, .max_running = mix.max_running}),
        scheduler_(limits_),
        pace_(limits_),
        outcomes_(num_tenants) {
    for (uint64_t rows = 1; rows <= limits_.max_tokens; rows *= 2) {
      scheduler_.cost().Observe(rows, 1, device_.told * StepUs(rows, 1));
    }
    scheduler_.cost().ObserveEntries(8, device_.told * StepUs(8, 8), device_.told * StepUs(8, 1));
    pace_.cost = scheduler_.cost();
    admission_ = Admission::Create({}, tenants_, pace_);
    for (size_t i = 0; i < num_tenants; ++i) {
      tenant_of_.push_back(tenants_->Get(std::string(1, static_cast<char>('a' + i))));
    }
  }
  ~EmulatedServer() {
    for (Job& job : jobs_) scheduler_.Remove(job.sequence);
  }

  // Requests arrive at this rate from each tenant until the time is over.
  void RunOpen(double seconds, const std::vector<double>& per_second) {
    const double end_us = now_us_ + 1e6 * seconds;
    std::vector<double> next_us;
    for (const double rate : per_second) next_us.push_back(now_us_ + Gap(rate));
    while (now_us_ < end_us) {
      for (size_t i = 0; i < next_us.size(); ++i) {
        for (; next_us[i] <= now_us_; next_us[i] += Gap(per_second[i])) Submit(i, next_us[i]);
      }
      if (!Step()) now_us_ = std::max(now_us_, *std::min_element(next_us.begin(), next_us.end()));
    }
  }

  // So many requests are always there. Gives the tokens a second.
  double RunClosed(double seconds, size_t num_requests) {
    const double begin_us = now_us_;
    const uint64_t before = outcomes_[0].num_tokens;
    while (now_us_ < begin_us + 1e6 * seconds) {
      while (jobs_.size() < num_requests) Submit(0, now_us_);
      Step();
    }
    return static_cast<double>(outcomes_[0].num_tokens - before) / ((now_us_ - begin_us) / 1e6);
  }

  const Outcome& outcome(size_t tenant) const { return outcomes_[tenant]; }
  double now_us() const { return now_us_; }
  const StepCost& cost() const { return pace_.cost; }
  uint64_t num_steps() const { return num_steps_; }

 private:
  struct Job {
    Job(size_t of, Ticket&& place)
        : tenant(of),
          ticket(std::move(place)),
          sequence(ticket.tenant(), ticket.job().urgency),
          num_left(ticket.job().num_tokens) {}

    size_t tenant;
    Ticket ticket;
    Sequence sequence;
    uint64_t num_left;
    uint64_t num_drawn = 0;
    bool has_ended = false;
  };

  double Gap(double per_second) {
    return per_second > 0 ? std::exponential_distribution<double>(per_second / 1e6)(random_) : 1e18;
  }
  double StepUs(uint64_t rows, uint64_t entries) const {
    const DeviceCosts& costs = device_.costs;
    return costs.step_us + costs.row_us * static_cast<double>(rows) + costs.entry_us * static_cast<double>(entries);
  }

  void Submit(size_t tenant, double at_us) {
    Demand demand = {.tenant = tenant_of_[tenant], .first_token = mix_.first_token, .end = mix_.end};
    demand.num_tokens = std::uniform_int_distribution(mix_.min_prompt, mix_.max_prompt)(random_);
    demand.num_answer_tokens = std::uniform_int_distribution(mix_.min_answer, mix_.max_answer)(random_);
    const Admission::Clock::time_point time(std::chrono::microseconds(static_cast<int64_t>(at_us)));
    absl::StatusOr<std::vector<Ticket>> tickets = admission_->Admit({&demand, 1}, time);
    Outcome& outcome = outcomes_[tenant];
    if (!tickets.ok()) {
      ++outcome.num_refused;
      return;
    }
    ++outcome.num_admitted;
    Job& job = jobs_.emplace_back(tenant, std::move((*tickets)[0]));
    scheduler_.Add(job.sequence, job.num_left, false);
  }

  bool Step() {
    EndLate();
    const absl::Span<const Share> shares = scheduler_.Schedule(static_cast<int64_t>(now_us_), limits_.max_entries);
    if (shares.empty()) return false;
    uint64_t rows = 0;
    for (const Share& share : shares) rows += share.num_tokens;
    const DeviceCosts& costs = device_.costs;
    const double us =
        (StepUs(rows, shares.size()) + costs.between_us + costs.between_entry_us * static_cast<double>(shares.size())) *
        device_.slowness(now_us_, random_);
    now_us_ += us;
    ++num_steps_;
    const std::vector<Share> ended(shares.begin(), shares.end());
    for (const Share& share : ended) Advance(JobOf(*share.sequence), share.num_tokens);
    scheduler_.cost().Observe(rows, ended.size(), us);
    pace_.cost = scheduler_.cost();
    admission_->SetPace(pace_);
    jobs_.remove_if([](const Job& job) { return job.has_ended; });
    return true;
  }

  Job& JobOf(const Sequence& sequence) {
    return *std::find_if(jobs_.begin(), jobs_.end(), [&](const Job& job) { return &job.sequence == &sequence; });
  }

  bool IsLate(const Job& job) const {
    const AdmittedJob& admitted = job.ticket.job();
    const auto now_us = static_cast<int64_t>(now_us_);
    return (job.num_drawn == 0 && now_us > admitted.urgency.first_token_deadline_us) || now_us > admitted.deadline_us;
  }

  void EndLate() {
    for (Job& job : jobs_) {
      if (IsLate(job)) End(job, true);
    }
    jobs_.remove_if([](const Job& job) { return job.has_ended; });
  }

  void Advance(Job& job, uint64_t num_tokens) {
    job.ticket.OnFed(num_tokens);
    outcomes_[job.tenant].service += static_cast<double>(num_tokens) * (job.num_drawn > 0 ? 2 : 1);
    job.num_left -= num_tokens;
    if (job.num_left > 0) return scheduler_.Continue(job.sequence, job.num_left, false);
    if (IsLate(job)) return End(job, true);
    job.ticket.OnDrawn();
    if (++job.num_drawn == job.ticket.job().num_answer_tokens) return End(job, false);
    job.num_left = 1;
    scheduler_.Continue(job.sequence, 1, true);
  }

  void End(Job& job, bool is_late) {
    Outcome& outcome = outcomes_[job.tenant];
    ++(is_late ? outcome.num_late : outcome.num_in_time);
    if (!is_late) outcome.num_tokens += job.ticket.job().num_tokens + job.num_drawn;
    scheduler_.Remove(job.sequence);
    job.ticket.Release();
    job.has_ended = true;
  }

  const EmulatedDevice device_;
  const RequestMix mix_;
  std::mt19937_64 random_;
  const SchedulerLimits limits_;
  Scheduler scheduler_;
  Pace pace_;
  const std::shared_ptr<TenantTable> tenants_ = TenantTable::Create();
  std::shared_ptr<Admission> admission_;
  std::vector<std::shared_ptr<Tenant>> tenant_of_;
  std::vector<Outcome> outcomes_;
  std::list<Job> jobs_;
  double now_us_ = 1e9;
  uint64_t num_steps_ = 0;
};

}  // namespace skein::test

#endif  // SKEIN_TESTS_UNIT_SCHEDULER_EMULATED_SERVER_H_
