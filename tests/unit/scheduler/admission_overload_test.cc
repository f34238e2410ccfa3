// Admission under more load than a model can serve, over a simulated model and clock: steps cost what the pace says,
// give or take a fifth.
#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/status.h"
#include "scheduler/admission.h"
#include "tests/unit/scheduler/steady_pace.h"

namespace skein {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

struct Load {
  uint64_t min_prompt = 20;
  uint64_t max_prompt = 80;
  uint64_t min_answer = 10;
  uint64_t max_answer = 30;
  milliseconds first_token{2000};
  milliseconds end{6000};
  std::vector<double> offered = {1};  // by tenant, as multiples of what the model can serve
  uint32_t max_running = 0;
};

class Simulation {
 public:
  explicit Simulation(const Load& load, uint64_t seed) : load_(load), random_(seed) {
    const SchedulerLimits limits = {.max_tokens = 256,
                                    .max_entries = 256,
                                    .max_running = load.max_running,
                                    .step_us = 50000,
                                    .min_prompt_tokens = 16};
    pace_.emplace(test::SteadyPace(limits, 8000, 200));
    admission_ = Admission::Create({}, tenants_, *pace_);
    const uint64_t num_rows =
        1 + pace_->cost.RowsThatFit(1, 1, static_cast<double>(limits.step_us), limits.max_tokens - 1);
    const double row_us = pace_->StepUs(0, num_rows) / static_cast<double>(num_rows);
    const double rows = static_cast<double>(load.min_prompt + load.max_prompt + load.min_answer + load.max_answer) / 2;
    for (size_t i = 0; i < load.offered.size(); ++i) {
      parties_.push_back({tenants_->Get(std::string(1, static_cast<char>('a' + i)))});
      if (load.offered[i] > 0) parties_[i].gap_us = rows * row_us / load.offered[i];
      parties_[i].next_us = NextGap(i);
    }
  }

  void Run(double until_us) {
    while (now_us_ < until_us) {
      Arrive();
      Step();
    }
  }

  // Nobody comes any more.
  void StopArrivals() {
    for (Party& party : parties_) party.next_us = 1e18;
  }

  Demand NewDemand(size_t party) {
    std::uniform_int_distribution<uint64_t> prompt(load_.min_prompt, load_.max_prompt);
    std::uniform_int_distribution<uint64_t> answer(load_.min_answer, load_.max_answer);
    return {.tenant = parties_[party].tenant,
            .num_tokens = prompt(random_),
            .num_answer_tokens = answer(random_),
            .first_token = load_.first_token,
            .end = load_.end};
  }
  absl::Status Submit(size_t party, const Demand& demand, double at_us) {
    absl::StatusOr<std::vector<Ticket>> tickets = admission_->Admit({&demand, 1}, Time(at_us));
    if (tickets.ok()) jobs_.push_back({party, std::move((*tickets)[0])});
    return tickets.status();
  }

  struct Party {
    std::shared_ptr<Tenant> tenant;
    double gap_us = 1e18;
    double next_us = 0;
    double service = 0;
    uint64_t num_tokens_served = 0;
    int num_refused = 0;
    int num_ended = 0;
    int num_late = 0;
  };
  const std::vector<Party>& parties() const { return parties_; }
  double now_us() const { return now_us_; }
  uint64_t most_queued() const { return most_queued_; }

 private:
  struct Job {
    size_t party;
    Ticket ticket;
    uint64_t num_draws = 0;
    bool is_late = false;
  };

  static Admission::Clock::time_point Time(double us) {
    return Admission::Clock::time_point(microseconds(1000000000 + static_cast<int64_t>(us)));
  }
  double NextGap(size_t party) { return std::exponential_distribution<double>(1 / parties_[party].gap_us)(random_); }

  void Arrive() {
    for (size_t i = 0; i < parties_.size(); ++i) {
      Party& party = parties_[i];
      for (; party.next_us <= now_us_; party.next_us += NextGap(i)) {
        if (!Submit(i, NewDemand(i), party.next_us).ok()) ++party.num_refused;
      }
    }
    most_queued_ = std::max(most_queued_, admission_->Load().queued_tokens);
  }

  // The next prompt to read: of the tenant with the least service, by rank.
  Job* NextPrompt(const std::vector<std::pair<Job*, uint64_t>>& chunks, uint32_t num_running) {
    Job* best = nullptr;
    const auto key = [this](const Job& job) {
      return std::tuple(parties_[job.party].service, job.ticket.job().rank_us, job.ticket.job().id);
    };
    for (Job& job : jobs_) {
      if (job.ticket.job().num_tokens_left == 0) continue;
      if (!job.ticket.job().is_running && load_.max_running > 0 && num_running >= load_.max_running) continue;
      if (std::any_of(chunks.begin(), chunks.end(), [&](const auto& chunk) { return chunk.first == &job; })) continue;
      if (best == nullptr || key(job) < key(*best)) best = &job;
    }
    return best;
  }

  void Step() {
    std::vector<Job*> decoding;
    uint32_t num_running = 0;
    for (Job& job : jobs_) {
      if (job.ticket.job().num_tokens_left == 0) decoding.push_back(&job);
      if (job.ticket.job().is_running) ++num_running;
    }
    uint64_t room = pace_->ChunkBeside(decoding.size());
    std::vector<std::pair<Job*, uint64_t>> chunks;
    uint64_t num_prompt_tokens = 0;
    while (room > 0) {
      Job* job = NextPrompt(chunks, num_running);
      if (job == nullptr) break;
      if (!job->ticket.job().is_running) ++num_running;
      const uint64_t take = std::min(room, job->ticket.job().num_tokens_left);
      chunks.emplace_back(job, take);
      parties_[job->party].service += static_cast<double>(take);
      room -= take;
      num_prompt_tokens += take;
    }
    if (decoding.empty() && chunks.empty()) {
      now_us_ += 1000;
      return;
    }
    const double noise = std::uniform_real_distribution<double>(0.8, 1.2)(random_);
    now_us_ += noise * pace_->StepUs(decoding.size(), num_prompt_tokens);
    for (Job* job : decoding) Draw(*job);
    for (const auto& [job, take] : chunks) {
      job->ticket.OnFed(take);
      parties_[job->party].num_tokens_served += take;
      if (job->ticket.job().num_tokens_left == 0) Draw(*job);
    }
    jobs_.remove_if([](const Job& job) { return job.ticket.empty(); });
  }

  void Draw(Job& job) {
    Party& party = parties_[job.party];
    job.ticket.OnDrawn();
    ++job.num_draws;
    party.service += 2;
    party.num_tokens_served += 2;
    const AdmittedJob& admitted = job.ticket.job();
    const int64_t now_us = 1000000000 + static_cast<int64_t>(now_us_);
    if (job.num_draws == 1 && now_us > admitted.urgency.first_token_deadline_us) job.is_late = true;
    if (job.num_draws < admitted.num_answer_tokens) return;
    if (now_us > admitted.deadline_us) job.is_late = true;
    ++party.num_ended;
    if (job.is_late) ++party.num_late;
    job.ticket.Release();
  }

  const Load load_;
  std::mt19937_64 random_;
  std::optional<Pace> pace_;
  const std::shared_ptr<TenantTable> tenants_ = TenantTable::Create();
  std::shared_ptr<Admission> admission_;
  std::vector<Party> parties_;
  std::list<Job> jobs_;
  double now_us_ = 0;
  uint64_t most_queued_ = 0;
};

class AdmissionOverloadTest : public ::testing::TestWithParam<uint64_t> {
 protected:
  // A minute of load: of those that were admitted, at least 99 in 100 are in time.
  static Simulation RunMinute(const Load& load) {
    Simulation simulation(load, GetParam());
    simulation.Run(60e6);
    int num_ended = 0, num_late = 0;
    for (const Simulation::Party& party : simulation.parties()) {
      num_ended += party.num_ended;
      num_late += party.num_late;
      EXPECT_GT(party.num_refused, 0);
      EXPECT_GT(party.num_ended, 100);
    }
    EXPECT_LE(num_late * 100, num_ended) << "of " << num_ended;
    EXPECT_LE(simulation.most_queued(), Admission::kLongPrompt);
    return simulation;
  }

  // Of those that are refused under `load`, all are admitted after the time that they were told, if nobody else comes.
  static void ExpectTrueRetries(const Load& load) {
    for (int i = 0; i < 20; ++i) {
      Simulation simulation(load, GetParam() * 100 + i);
      simulation.Run(2e6 + 0.5e6 * i);
      simulation.StopArrivals();
      Demand demand;
      absl::Status refused;
      while (refused.ok()) {
        demand = simulation.NewDemand(i % load.offered.size());
        refused = simulation.Submit(i % load.offered.size(), demand, simulation.now_us());
      }
      ASSERT_TRUE(absl::IsResourceExhausted(refused)) << refused;
      ASSERT_GT(RetryAfterMs(refused), 0u);
      simulation.Run(simulation.now_us() + 1000.0 * RetryAfterMs(refused));
      const absl::Status again = simulation.Submit(i % load.offered.size(), demand, simulation.now_us());
      EXPECT_TRUE(again.ok()) << refused << ", after " << RetryAfterMs(refused) << " ms: " << again;
    }
  }
};

constexpr milliseconds kHour(3600000);

// At ten times the rate that the model can serve.

TEST_P(AdmissionOverloadTest, OneTenant) { RunMinute({.offered = {10}}); }

TEST_P(AdmissionOverloadTest, LongAnswers) {
  RunMinute({.min_answer = 100, .max_answer = 200, .end = milliseconds(30000), .offered = {10}});
}

TEST_P(AdmissionOverloadTest, LongPrompts) { RunMinute({.min_prompt = 200, .max_prompt = 1000, .offered = {10}}); }

TEST_P(AdmissionOverloadTest, FewPlaces) {
  RunMinute({.first_token = milliseconds(5000), .end = milliseconds(10000), .offered = {10}, .max_running = 8});
}

TEST_P(AdmissionOverloadTest, TenantsAtOneToNineGetTheSame) {
  const Simulation simulation = RunMinute({.offered = {1, 9}});
  const auto served_a = static_cast<double>(simulation.parties()[0].num_tokens_served);
  const auto served_b = static_cast<double>(simulation.parties()[1].num_tokens_served);
  EXPECT_NEAR(served_a / served_b, 1, 0.05);
}

TEST_P(AdmissionOverloadTest, RetriesOfDeadlines) { ExpectTrueRetries({.offered = {10}}); }

TEST_P(AdmissionOverloadTest, RetriesOfLongPrompts) {
  ExpectTrueRetries({.min_prompt = 200, .max_prompt = 1000, .offered = {10}});
}

TEST_P(AdmissionOverloadTest, RetriesOfTwoTenants) { ExpectTrueRetries({.offered = {1, 9}}); }

TEST_P(AdmissionOverloadTest, RetriesOfBounds) {
  ExpectTrueRetries({.min_prompt = 500, .max_prompt = 1000, .first_token = kHour, .end = kHour, .offered = {10}});
}

TEST_P(AdmissionOverloadTest, RetriesOfPlaces) {
  ExpectTrueRetries({.first_token = milliseconds(5000), .end = kHour, .offered = {10}, .max_running = 8});
  ExpectTrueRetries(
      {.min_prompt = 500, .max_prompt = 1000, .first_token = kHour, .end = kHour, .offered = {10}, .max_running = 8});
}

INSTANTIATE_TEST_SUITE_P(Seeds, AdmissionOverloadTest, ::testing::Values(1, 2, 3));

}  // namespace
}  // namespace skein
