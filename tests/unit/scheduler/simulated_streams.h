// A simulation for tests of the scheduler: tenants, streams that decode, the shares of a step.
#ifndef SKEIN_TESTS_UNIT_SCHEDULER_SIMULATED_STREAMS_H_
#define SKEIN_TESTS_UNIT_SCHEDULER_SIMULATED_STREAMS_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "tests/unit/scheduler/simulation.h"

namespace skein::test {

inline std::shared_ptr<TenantQueues> Tenant(double weight = 1) {
  auto tenant = std::make_shared<TenantQueues>();
  tenant->weight = weight;
  return tenant;
}

inline SchedulerLimits Limits(uint32_t max_tokens, uint32_t max_entries) {
  SchedulerLimits limits;
  limits.max_tokens = max_tokens;
  limits.max_entries = max_entries;
  return limits;
}

// The tokens of each stream in the next step, which is run.
inline std::map<const Stream*, uint32_t> StepOf(Simulation& simulation, uint32_t max_entries = 1000) {
  std::map<const Stream*, uint32_t> result;
  const absl::Span<const Share> shares = simulation.Plan(max_entries);
  for (const Share& share : shares) {
    EXPECT_TRUE(result.emplace(&simulation.Of(share), share.num_tokens).second) << "two shares of one stream";
  }
  simulation.Run(shares);
  return result;
}

inline constexpr uint64_t kForEver = 1u << 30;

// Streams that decode for ever.
inline std::vector<Stream*> AddDecoding(Simulation& simulation, const std::shared_ptr<TenantQueues>& tenant,
                                        int count) {
  std::vector<Stream*> streams;
  for (int i = 0; i < count; ++i) streams.push_back(&simulation.Add(tenant, 1, kForEver));
  while (std::any_of(streams.begin(), streams.end(), [](const Stream* s) { return !s->decodes; })) simulation.Step();
  return streams;
}

// How far the one with most steps is ahead of the one with fewest.
inline uint64_t Spread(const std::vector<Stream*>& streams) {
  const auto [least, most] = std::minmax_element(
      streams.begin(), streams.end(), [](const Stream* a, const Stream* b) { return a->num_steps < b->num_steps; });
  return (*most)->num_steps - (*least)->num_steps;
}

}  // namespace skein::test

#endif  // SKEIN_TESTS_UNIT_SCHEDULER_SIMULATED_STREAMS_H_
