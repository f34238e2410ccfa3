// Sequences in simulated time: a clock, a device with a step time of its own, and streams that arrive, read their
// prompt, decode and end.
#ifndef SKEIN_TESTS_UNIT_SCHEDULER_SIMULATION_H_
#define SKEIN_TESTS_UNIT_SCHEDULER_SIMULATION_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "scheduler/scheduler.h"

namespace skein::test {

struct Stream {
  Stream(std::shared_ptr<TenantQueues> of, const Urgency& urgency, uint64_t prompt, uint64_t decode)
      : tenant(std::move(of)), sequence(tenant, urgency), num_prompt(prompt), num_decode(decode), num_left(prompt) {}

  std::shared_ptr<TenantQueues> tenant;
  Sequence sequence;
  uint64_t num_prompt;
  uint64_t num_decode;  // tokens to sample; 0: an eval
  uint64_t num_left;    // tokens that are known and not fed
  bool decodes = false;
  bool is_paused = false;
  bool is_done = false;
  int64_t start_us = -1;        // the begin of its first step
  int64_t first_token_us = -1;  // the end of the step that read its prompt
  uint64_t num_steps = 0;
  uint64_t num_sampled = 0;
};

class Simulation {
 public:
  explicit Simulation(const SchedulerLimits& limits) : limits_(limits), scheduler_(limits) {}
  ~Simulation() {
    for (const auto& stream : streams_) scheduler_.Remove(stream->sequence);
  }

  static double DeviceTime(uint64_t rows, uint64_t entries) {
    return 8000 + 900 * static_cast<double>(rows) + 100 * static_cast<double>(entries);
  }
  void Calibrate() {
    for (uint64_t rows = 1; rows <= limits_.max_tokens; rows *= 2) {
      scheduler_.cost().Observe(rows, 1, DeviceTime(rows, 1));
    }
  }

  Stream& Add(std::shared_ptr<TenantQueues> tenant, uint64_t prompt, uint64_t decode, Urgency urgency = {}) {
    urgency.arrival_us = now_us_;
    streams_.push_back(std::make_unique<Stream>(std::move(tenant), urgency, prompt, decode));
    Stream& stream = *streams_.back();
    ++num_open_[stream.tenant.get()];
    by_sequence_[&stream.sequence] = &stream;
    scheduler_.Add(stream.sequence, prompt, false);
    return stream;
  }
  void End(Stream& stream) {
    stream.is_done = true;
    --num_open_[stream.tenant.get()];
    scheduler_.Remove(stream.sequence);
  }
  void Pause(Stream& stream) {
    stream.is_paused = true;
    scheduler_.Remove(stream.sequence);
  }
  void Resume(Stream& stream) {
    stream.is_paused = false;
    scheduler_.Add(stream.sequence, stream.num_left, stream.decodes);
  }

  // Plans a step, without its end.
  absl::Span<const Share> Plan(uint32_t max_entries) { return scheduler_.Schedule(now_us_, max_entries); }
  // Ends a step of these shares.
  void Run(absl::Span<const Share> shares) {
    uint64_t rows = 0;
    for (const Share& share : shares) rows += share.num_tokens;
    const double us = DeviceTime(rows, shares.size());
    for (const Share& share : shares) {
      Stream& stream = Of(share);
      if (stream.start_us < 0) stream.start_us = now_us_;
      service_[stream.tenant.get()] += share.num_tokens * (stream.decodes ? 2 : 1);
    }
    now_us_ += static_cast<int64_t>(us);
    scheduler_.cost().Observe(rows, shares.size(), us);
    for (const Share& share : shares) Advance(Of(share), share.num_tokens);
  }
  bool Step(uint32_t max_entries = 1u << 20) {
    const absl::Span<const Share> shares = Plan(max_entries);
    if (shares.empty()) return false;
    Run(shares);
    return true;
  }

  Stream& Of(const Share& share) { return *by_sequence_.at(share.sequence); }
  int64_t now_us() const { return now_us_; }
  void Wait(int64_t us) { now_us_ += us; }
  const std::vector<std::unique_ptr<Stream>>& streams() const { return streams_; }
  Scheduler& scheduler() { return scheduler_; }
  const SchedulerLimits& limits() const { return limits_; }
  uint64_t num_open(const std::shared_ptr<TenantQueues>& tenant) { return num_open_[tenant.get()]; }
  // Tokens fed for a tenant; a sampled one counts twice.
  uint64_t service(const std::shared_ptr<TenantQueues>& tenant) { return service_[tenant.get()]; }

 private:
  void Advance(Stream& stream, uint64_t num_tokens) {
    stream.num_left -= num_tokens;
    ++stream.num_steps;
    if (stream.num_left > 0) {
      scheduler_.Continue(stream.sequence, stream.num_left, false);
      return;
    }
    if (stream.first_token_us < 0) stream.first_token_us = now_us_;
    if (stream.num_decode == 0 || ++stream.num_sampled >= stream.num_decode) {
      End(stream);
      return;
    }
    stream.num_left = 1;
    stream.decodes = true;
    scheduler_.Continue(stream.sequence, 1, true);
  }

  const SchedulerLimits limits_;
  Scheduler scheduler_;
  int64_t now_us_ = 1'000'000;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::unordered_map<const Sequence*, Stream*> by_sequence_;
  std::map<const TenantQueues*, uint64_t> num_open_;
  std::map<const TenantQueues*, uint64_t> service_;
};

}  // namespace skein::test

#endif  // SKEIN_TESTS_UNIT_SCHEDULER_SIMULATION_H_
