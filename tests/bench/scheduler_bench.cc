// The time of planning, a step of streams that decode and one over many requests that wait, and of admitting one more.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <utility>
#include <vector>

#include "scheduler/admission.h"
#include "scheduler/scheduler.h"

namespace skein {
namespace {

SchedulerLimits Limits(uint32_t max_running) {
  SchedulerLimits limits;
  limits.max_tokens = 512;
  limits.max_entries = 20000;
  limits.max_running = max_running;
  return limits;
}

// Ends a step: every stream has its next token.
void Conclude(Scheduler& scheduler, absl::Span<const Share> shares) {
  for (const Share& share : shares) scheduler.Continue(*share.sequence, 1, true);
}

class Streams {
 public:
  Streams(Scheduler& scheduler, int num_tenants) : scheduler_(scheduler) {
    for (int i = 0; i < num_tenants; ++i) tenants_.push_back(std::make_shared<TenantQueues>());
  }
  ~Streams() {
    for (Sequence& sequence : sequences_) scheduler_.Remove(sequence);
  }
  void Add(int count, uint64_t num_tokens) {
    for (int i = 0; i < count; ++i) {
      const Urgency urgency = {.arrival_us = i};
      Sequence& sequence = sequences_.emplace_back(tenants_[static_cast<size_t>(i) % tenants_.size()], urgency);
      scheduler_.Add(sequence, num_tokens, false);
    }
  }

 private:
  Scheduler& scheduler_;
  std::vector<std::shared_ptr<TenantQueues>> tenants_;
  std::list<Sequence> sequences_;
};

// Arguments: streams, tenants.
void BM_DecodeStep(benchmark::State& state) {
  Scheduler scheduler(Limits(0));
  Streams streams(scheduler, static_cast<int>(state.range(1)));
  streams.Add(static_cast<int>(state.range(0)), 1);
  for (auto _ : state) Conclude(scheduler, scheduler.Schedule(0, 20000));
}
BENCHMARK(BM_DecodeStep)->Args({64, 1})->Args({64, 64})->Args({512, 1})->Args({512, 512});

// A step of 32 streams that decode and the requests that start, while this many wait, and end. Arguments: requests that
// wait, tenants.
void BM_StepWithWaiting(benchmark::State& state) {
  Scheduler scheduler(Limits(64));
  Streams streams(scheduler, static_cast<int>(state.range(1)));
  streams.Add(32, 1);
  streams.Add(static_cast<int>(state.range(0)), 100);
  for (auto _ : state) {
    const absl::Span<const Share> shares = scheduler.Schedule(1'000'000'000, 20000);
    benchmark::DoNotOptimize(shares.data());
    for (const Share& share : shares) {
      if (share.num_tokens == 1) {
        scheduler.Continue(*share.sequence, 1, true);
      } else {
        scheduler.Remove(*share.sequence);
        scheduler.Add(*share.sequence, 100, false);
      }
    }
  }
}
BENCHMARK(BM_StepWithWaiting)->Args({100, 1})->Args({10000, 1})->Args({10000, 10000});

// A request is admitted, and goes again. Arguments: requests of its tenant that wait, whether all have a deadline.
void BM_Admit(benchmark::State& state) {
  SchedulerLimits limits = Limits(64);
  Pace pace(limits);
  for (uint64_t rows = 1; rows <= limits.max_tokens; rows *= 2)
    pace.cost.Observe(rows, 1, 10.0 * static_cast<double>(rows));
  const auto tenants = TenantTable::Create();
  const auto admission = Admission::Create({.max_queued_tokens = 1u << 30}, tenants, pace);
  Demand demand = {.tenant = tenants->Get(""), .num_tokens = 100, .num_answer_tokens = 16};
  if (state.range(1) != 0) demand.end = std::chrono::hours(1000);
  std::vector<Ticket> waiting;
  for (int64_t i = 0; i < state.range(0); ++i) waiting.push_back(std::move((*admission->Admit({&demand, 1}))[0]));
  for (auto _ : state) {
    if (!admission->Admit({&demand, 1}).ok()) state.SkipWithError("refused");
  }
}
BENCHMARK(BM_Admit)->Args({100, 0})->Args({10000, 0})->Args({100, 1})->Args({10000, 1});

}  // namespace
}  // namespace skein
