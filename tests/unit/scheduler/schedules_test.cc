// Random schedules: streams and evals of several tenants arrive, pause, come back, are cancelled and end, under random
// limits. What must hold for every step and every sequence is checked in each of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "scheduler/scheduler.h"
#include "tests/unit/scheduler/simulation.h"

namespace skein {
namespace {

using test::Simulation;
using test::Stream;

constexpr int kNumSchedules = 2000;

class Schedule {
 public:
  explicit Schedule(uint64_t seed) : random_(seed), simulation_(RandomLimits()) {
    if (Below(4) > 0) simulation_.Calibrate();
    const uint64_t num_tenants = 1 + Below(4);
    for (uint64_t i = 0; i < num_tenants; ++i) {
      tenants_.push_back(std::make_shared<TenantQueues>());
      tenants_.back()->weight = static_cast<double>(1 + Below(3));
      if (Below(4) == 0) tenants_.back()->max_running = static_cast<uint32_t>(1 + Below(4));
    }
  }

  void Run() {
    const uint64_t num_events = 10 + Below(40);
    for (uint64_t i = 0; i < num_events && !testing::Test::HasFailure(); ++i) {
      Happen();
      Step();
    }
    for (const auto& stream : simulation_.streams()) {
      if (stream->is_paused && !stream->is_done) simulation_.Resume(*stream);
    }
    // Every sequence that is left ends, however few the slots.
    for (int i = 0; i < 100000 && HasOpen() && !testing::Test::HasFailure(); ++i) Step();
    EXPECT_FALSE(HasOpen());
    EXPECT_EQ(simulation_.scheduler().num_sequences(), 0u);
    EXPECT_EQ(simulation_.scheduler().num_running(), 0u);
  }

 private:
  uint64_t Below(uint64_t limit) { return random_() % limit; }

  SchedulerLimits RandomLimits() {
    SchedulerLimits limits;
    limits.max_tokens = static_cast<uint32_t>(Below(4) == 0 ? 1 + Below(8) : 1 + Below(128));
    limits.max_entries = static_cast<uint32_t>(Below(4) == 0 ? 1 + Below(3) : 1 + Below(40));
    limits.max_running = static_cast<uint32_t>(Below(3) == 0 ? 1 + Below(8) : 0);
    limits.step_us = static_cast<int64_t>(1 + Below(200'000));
    limits.age_limit_us = static_cast<int64_t>(1 + Below(500'000));
    return limits;
  }

  void Arrive() {
    Urgency urgency;
    urgency.priority = static_cast<int32_t>(Below(17)) - 8;
    if (Below(3) == 0) urgency.first_token_deadline_us = simulation_.now_us() + static_cast<int64_t>(Below(500'000));
    urgency.keeps_place = Below(4) == 0;
    const uint64_t prompt = Below(3) == 0 ? 1 : Below(5) == 0 ? 1 + Below(400) : 1 + Below(30);
    simulation_.Add(tenants_[Below(tenants_.size())], prompt, Below(12), urgency);
  }

  void Happen() {
    for (uint64_t i = Below(4); i > 0; --i) Arrive();
    if (simulation_.streams().empty()) return;
    Stream& stream = *simulation_.streams()[Below(simulation_.streams().size())];
    if (stream.is_done) return;
    switch (Below(6)) {
      case 0:
        simulation_.End(stream);  // cancelled
        break;
      case 1:
        if (!stream.is_paused) simulation_.Pause(stream);
        break;
      case 2:
        if (stream.is_paused) simulation_.Resume(stream);
        break;
      default:
        break;
    }
  }

  bool HasOpen() const {
    return std::any_of(simulation_.streams().begin(), simulation_.streams().end(),
                       [](const auto& stream) { return !stream->is_done; });
  }

  void Step() {
    const auto max_entries = static_cast<uint32_t>(Below(5) == 0 ? Below(4) : 1000);
    std::map<const Stream*, uint64_t> known;  // of streams that take part
    std::set<const Stream*> singles;          // running, with one token
    std::set<const Stream*> prompts[2];       // the others: not running, running
    std::set<const Stream*> running;
    std::map<const Stream*, int64_t> ranks;
    std::map<const Stream*, double> services;  // of their tenants
    for (const auto& stream : simulation_.streams()) {
      if (stream->is_done || stream->is_paused) continue;
      known[stream.get()] = stream->num_left;
      ranks[stream.get()] = stream->sequence.rank();
      services[stream.get()] = stream->tenant->service();
      const bool is_running = stream->sequence.is_running();
      if (is_running) running.insert(stream.get());
      (stream->num_left == 1 && is_running ? singles : prompts[is_running]).insert(stream.get());
    }
    const absl::Span<const Share> shares = simulation_.Plan(max_entries);
    std::map<const Stream*, uint64_t> given;
    uint64_t total = 0;
    for (const Share& share : shares) {
      const Stream* stream = &simulation_.Of(share);
      EXPECT_TRUE(given.emplace(stream, share.num_tokens).second) << "two shares";
      ASSERT_TRUE(known.contains(stream)) << "a stream that ended or waits";
      EXPECT_GE(share.num_tokens, 1u);
      EXPECT_LE(share.num_tokens, known.at(stream));
      total += share.num_tokens;
    }
    const uint64_t room = std::min(simulation_.limits().max_entries, max_entries);
    EXPECT_LE(shares.size(), room);
    EXPECT_LE(total, simulation_.limits().max_tokens);
    if (simulation_.limits().max_running > 0) {
      EXPECT_LE(simulation_.scheduler().num_running(), simulation_.limits().max_running);
    }
    CheckWorkIsDone(known.size(), room, given.size());
    // Streams whose tenant had more by the lead than that of a prompt in the step may be left out for it.
    double most_service = std::numeric_limits<double>::infinity();
    for (const auto& [stream, num_tokens] : given) {
      if (!singles.contains(stream)) most_service = std::min(most_service, services.at(stream) + Lead());
    }
    std::erase_if(singles, [&](const Stream* s) { return !given.contains(s) && s->tenant->service() > most_service; });
    CheckDecodes(singles, room, given, total);
    CheckPreempted(running, given);
    // One that lost its place in this step is behind no other.
    std::erase_if(prompts[1], [](const Stream* s) { return !s->sequence.is_running(); });
    for (const auto& kind : prompts) CheckOrder(kind, given, ranks);
    simulation_.Run(shares);
  }

  void CheckWorkIsDone(uint64_t num_ready, uint64_t room, uint64_t num_given) {
    if (num_ready > 0 && room > 0) {
      EXPECT_GT(num_given, 0u) << "a step without work while " << num_ready << " wait";
    }
  }

  double Lead() const { return Scheduler::kLeadSteps * simulation_.limits().max_tokens; }

  // Streams with one token are left out only in favour of others of the kind, or of the minimum of a prompt.
  void CheckDecodes(const std::set<const Stream*>& singles, uint64_t room,
                    const std::map<const Stream*, uint64_t>& given, uint64_t total) {
    const auto left_out =
        std::count_if(singles.begin(), singles.end(), [&](const auto* s) { return !given.contains(s); });
    if (left_out == 0) return;
    EXPECT_TRUE(given.size() == room || total == simulation_.limits().max_tokens)
        << left_out << " of " << singles.size() << " left out of a step of " << given.size() << " with room for "
        << room;
    if (given.size() == 1) return;  // the turn of a prompt
    uint64_t num_prompts = 0, num_of_prompts = 0;
    for (const auto& [stream, num_tokens] : given) {
      if (singles.contains(stream)) continue;
      ++num_prompts;
      num_of_prompts += num_tokens;
    }
    if (given.size() == room) {
      EXPECT_LE(num_prompts, 1u);
    } else {
      EXPECT_LE(num_of_prompts, simulation_.limits().min_prompt_tokens);
    }
  }

  // A place is lost only to one of a higher class of the same tenant, which begins in this step.
  static void CheckPreempted(const std::set<const Stream*>& running, const std::map<const Stream*, uint64_t>& given) {
    std::map<const TenantQueues*, std::vector<int32_t>> begun;  // priorities
    for (const auto& [stream, num_tokens] : given) {
      if (!running.contains(stream)) begun[stream->tenant.get()].push_back(stream->sequence.urgency().priority);
    }
    for (const Stream* stream : running) {
      if (stream->sequence.is_running()) continue;
      const Urgency& urgency = stream->sequence.urgency();
      EXPECT_FALSE(urgency.keeps_place);
      const std::vector<int32_t>& priorities = begun[stream->tenant.get()];
      EXPECT_TRUE(std::any_of(priorities.begin(), priorities.end(), [&](int32_t p) { return p > urgency.priority; }));
    }
  }

  // Of the prompts of one kind and tenant none is passed by one of a larger rank.
  static void CheckOrder(const std::set<const Stream*>& prompts, const std::map<const Stream*, uint64_t>& given,
                         const std::map<const Stream*, int64_t>& ranks) {
    for (const Stream* passed : prompts) {
      if (given.contains(passed)) continue;
      for (const auto& [stream, num_tokens] : given) {
        if (!prompts.contains(stream) || stream->tenant != passed->tenant) continue;
        EXPECT_LE(ranks.at(stream), ranks.at(passed));
      }
    }
  }
  std::mt19937_64 random_;
  Simulation simulation_;
  std::vector<std::shared_ptr<TenantQueues>> tenants_;
};

TEST(SchedulesTest, RandomSchedulesKeepEveryPromise) {
  for (uint64_t seed = 1; seed <= kNumSchedules; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Schedule(seed).Run();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace skein
