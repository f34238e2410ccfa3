// How the scheduler shares steps between tenants.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/unit/scheduler/simulated_streams.h"

namespace skein {
namespace {

using test::AddDecoding;
using test::kForEver;
using test::Limits;
using test::Simulation;
using test::Spread;
using test::Stream;
using test::Tenant;

double Service(Simulation& simulation, const std::shared_ptr<TenantQueues>& tenant) {
  return static_cast<double>(simulation.service(tenant));
}

TEST(TenantSharesTest, TenantsOfOneToNineOfferedLoadGetEqualService) {
  for (const uint64_t prompt : {20u, 300u}) {
    for (const uint64_t decode : {1u, 30u}) {
      SchedulerLimits limits = Limits(512, 200);
      limits.max_running = 32;
      Simulation simulation(limits);
      simulation.Calibrate();
      const auto modest = Tenant(), greedy = Tenant();
      for (int i = 0; i < 3000; ++i) {
        while (simulation.num_open(modest) < 20) simulation.Add(modest, prompt, decode);
        while (simulation.num_open(greedy) < 180) simulation.Add(greedy, prompt, decode);
        simulation.Step();
      }
      const double ratio = Service(simulation, modest) / Service(simulation, greedy);
      EXPECT_NEAR(ratio, 1, 0.05) << prompt << " and " << decode;
    }
  }
}

TEST(TenantSharesTest, ServiceFollowsTheWeights) {
  SchedulerLimits limits = Limits(256, 200);
  limits.max_running = 16;
  Simulation simulation(limits);
  simulation.Calibrate();
  const auto one = Tenant(1), three = Tenant(3);
  for (int i = 0; i < 3000; ++i) {
    for (const auto& tenant : {one, three}) {
      while (simulation.num_open(tenant) < 30) simulation.Add(tenant, 50, 20);
    }
    simulation.Step();
  }
  EXPECT_NEAR(Service(simulation, three) / Service(simulation, one), 3, 0.15);
}

// The requests of a tenant, of which there are always so many.
struct Load {
  uint64_t num_open;
  uint64_t prompt;
  uint64_t decode;
};

// The service of a tenant of weight 3, by that of one of weight 1. Both always have more to do than fits.
double RatioOfWeightThree(const SchedulerLimits& limits, const Load& load_of_one, const Load& load_of_three) {
  Simulation simulation(limits);
  simulation.Calibrate();
  const auto one = Tenant(1), three = Tenant(3);
  const auto fill = [&](const std::shared_ptr<TenantQueues>& tenant, const Load& load) {
    while (simulation.num_open(tenant) < load.num_open) simulation.Add(tenant, load.prompt, load.decode);
  };
  for (int i = 0; i < 6000; ++i) {
    fill(one, load_of_one);
    fill(three, load_of_three);
    EXPECT_TRUE(simulation.Step());
  }
  return Service(simulation, three) / Service(simulation, one);
}

// Two tenants under random limits, with random weights and numbers and lengths of requests. The first one's are the
// shortest there are, every other time.
class BusyTenants {
 public:
  explicit BusyTenants(uint64_t seed) : random_(seed), simulation_(RandomLimits()) {
    simulation_.Calibrate();
    for (const bool is_flood : {Below(2) == 0, false}) {
      const uint64_t num_open = 1 + Below(kMostOpen);
      const Load load = is_flood ? Load{num_open, 1 + Below(3), Below(3)}
                                 : Load{num_open, 1 + Below(60), Below(3) == 0 ? 0 : Below(30)};
      tenants_.push_back({Tenant(static_cast<double>(1 + Below(4))), load});
    }
  }

  void Run(uint64_t service) {
    const uint64_t end = TotalService() + service;
    while (TotalService() < end) {
      for (const Busy& busy : tenants_) {
        while (simulation_.num_open(busy.tenant) < busy.load.num_open) {
          simulation_.Add(busy.tenant, busy.load.prompt, busy.load.decode);
        }
      }
      const absl::Span<const Share> shares = simulation_.Plan(kMostEntries);
      ASSERT_FALSE(shares.empty());
      for (Busy& busy : tenants_) busy.has_had_all |= HasAll(busy, shares);
      simulation_.Run(shares);
    }
  }

  // Of service by weight since the last call, what a tenant had that wanted more in each step, by what the other had.
  double LeastRatio() {
    double services[2];
    for (size_t i = 0; i < 2; ++i) {
      const double service = Service(simulation_, tenants_[i].tenant) / tenants_[i].tenant->weight;
      services[i] = service - std::exchange(tenants_[i].service, service);
    }
    double ratio = 1;
    for (size_t i = 0; i < 2; ++i) {
      if (!std::exchange(tenants_[i].has_had_all, false)) ratio = std::min(ratio, services[i] / services[1 - i]);
    }
    return ratio;
  }

  std::string Describe() const {
    const SchedulerLimits& limits = simulation_.limits();
    std::string text =
        absl::StrCat("tokens ", limits.max_tokens, ", entries ", limits.max_entries, ", running ", limits.max_running);
    for (const Busy& busy : tenants_) {
      absl::StrAppend(&text, "; weight ", busy.tenant->weight.load(), ", ", busy.load.num_open, " of prompt ",
                      busy.load.prompt, " and decode ", busy.load.decode);
    }
    return text;
  }

 private:
  static constexpr uint64_t kMostOpen = 60;
  static constexpr uint32_t kMostEntries = 64;

  struct Busy {
    std::shared_ptr<TenantQueues> tenant;
    Load load;
    double service = 0;        // by weight, up to the last call of LeastRatio
    bool has_had_all = false;  // in a step since then
  };

  uint64_t Below(uint64_t limit) { return random_() % limit; }

  SchedulerLimits RandomLimits() {
    SchedulerLimits limits = Limits(static_cast<uint32_t>(1 + Below(Below(2) == 0 ? 16 : 128)),
                                    static_cast<uint32_t>(1 + Below(Below(2) == 0 ? 8 : kMostEntries)));
    if (Below(2) == 0) limits.max_running = static_cast<uint32_t>(1 + Below(64));
    return limits;
  }

  uint64_t TotalService() { return simulation_.service(tenants_[0].tenant) + simulation_.service(tenants_[1].tenant); }

  // Whether the step leaves nothing that the tenant has to do.
  bool HasAll(const Busy& busy, absl::Span<const Share> shares) {
    const auto num_done = std::count_if(shares.begin(), shares.end(), [&](const Share& share) {
      const Stream& stream = simulation_.Of(share);
      return stream.tenant == busy.tenant && stream.num_left == share.num_tokens;
    });
    return static_cast<uint64_t>(num_done) == simulation_.num_open(busy.tenant);
  }

  std::mt19937_64 random_;
  Simulation simulation_;
  std::vector<Busy> tenants_;
};

TEST(TenantSharesTest, TenantThatAlwaysWantsMoreGetsServiceByWeight) {
  for (uint64_t seed = 1; seed <= 120; ++seed) {
    BusyTenants busy(seed);
    busy.Run(20'000);
    busy.LeastRatio();
    busy.Run(60'000);
    EXPECT_GE(busy.LeastRatio(), 0.95) << "seed " << seed << ": " << busy.Describe();
  }
}

// Whoever comes with a single token needs a place like any other.
TEST(TenantSharesTest, SingleTokensDoNotTakeThePlacesForWhichOthersWait) {
  SchedulerLimits limits = Limits(64, 64);
  limits.max_running = 8;
  EXPECT_NEAR(RatioOfWeightThree(limits, {30, 1, 20}, {30, 50, 20}), 3, 0.15);
  EXPECT_NEAR(RatioOfWeightThree(limits, {30, 50, 20}, {30, 1, 20}), 3, 0.15);
}

TEST(TenantSharesTest, SingleTokensOfATenantDoNotTakeThePlacesForWhichItsOthersWait) {
  Simulation simulation(Limits(64, 64));
  const auto tenant = Tenant();
  tenant->max_running = 2;
  for (int i = 0; i < 2; ++i) simulation.Add(tenant, 1, 10);
  const Stream& waits = simulation.Add(tenant, 5, 1);
  for (int i = 0; i < 100 && !waits.is_done; ++i) {
    simulation.Step();
    while (simulation.num_open(tenant) < 5) simulation.Add(tenant, 1, 10);
  }
  EXPECT_TRUE(waits.is_done);
}

// While it waits, another has a place and much service, which is no reason to forget what it did not get.
TEST(TenantSharesTest, TenantThatWaitsForAPlaceKeepsItsClaim) {
  for (const uint32_t max_running : {1u, 2u}) {
    SchedulerLimits limits = Limits(16, 64);
    limits.max_running = max_running;
    EXPECT_NEAR(RatioOfWeightThree(limits, {30, 400, 20}, {30, 50, 20}), 3, 0.15) << max_running;
  }
}

TEST(TenantSharesTest, PromptsAndStreamsThatDecodeShareTheEntriesByWeight) {
  for (const uint32_t max_entries : {1u, 2u}) {
    EXPECT_NEAR(RatioOfWeightThree(Limits(64, max_entries), {30, 50, 0}, {30, 5, 20}), 3, 0.15) << max_entries;
  }
}

TEST(TenantSharesTest, PromptsGetTheirShareBesideAFloodOfTinyRequests) {
  EXPECT_NEAR(RatioOfWeightThree(Limits(7, 6), {13, 1, 2}, {21, 47, 20}), 3, 0.15);
}

TEST(TenantSharesTest, PromptsGetTheirShareBesideStreamsThatAllFitTheStep) {
  EXPECT_NEAR(RatioOfWeightThree(Limits(128, 64), {30, 1, kForEver}, {30, 50, 0}), 3, 0.15);
}

TEST(TenantSharesTest, PromptOfATenantGetsAnEntryThoughStreamsOfAnotherFillTheStep) {
  Simulation simulation(Limits(64, 8));
  simulation.Calibrate();
  AddDecoding(simulation, Tenant(), 8);
  const Stream& prompt = simulation.Add(Tenant(), 16, 0);
  EXPECT_TRUE(StepOf(simulation).contains(&prompt)) << "as many streams as entries: there is none to spare";
}

TEST(TenantSharesTest, CrowdedStepIsSharedByTenantsNotByStreams) {
  Simulation simulation(Limits(8, 8));
  const auto few = Tenant(), many = Tenant();
  std::vector<Stream*> streams = AddDecoding(simulation, many, 20);
  const std::vector<Stream*> two = AddDecoding(simulation, few, 2);
  const uint64_t before = two[0]->num_steps;
  for (int i = 0; i < 100; ++i) {
    simulation.Step();
    EXPECT_LE(Spread(streams), 1u);
  }
  EXPECT_GE(two[0]->num_steps, before + 99);
}

TEST(TenantSharesTest, TenantAloneIsNotLimited) {
  int64_t spent_us[2] = {};
  for (const bool has_other : {false, true}) {
    Simulation simulation(Limits(64, 64));
    simulation.Calibrate();
    const auto tenant = Tenant(), other = Tenant(9);
    // The other has had little service, and is idle.
    if (has_other) simulation.Add(other, 40, 2);
    while (simulation.Step()) {
    }
    const int64_t begin_us = simulation.now_us();
    for (int i = 0; i < 20; ++i) simulation.Add(tenant, 40, 10);
    while (simulation.Step()) {
    }
    spent_us[has_other] = simulation.now_us() - begin_us;
  }
  EXPECT_NEAR(static_cast<double>(spent_us[1]) / static_cast<double>(spent_us[0]), 1, 0.02);
}

TEST(TenantSharesTest, TenantThatComesBackDoesNotMakeTheOthersPayForItsAbsence) {
  SchedulerLimits limits = Limits(16, 64);
  Simulation simulation(limits);
  simulation.Calibrate();
  const auto busy = Tenant(), back = Tenant();
  simulation.Add(busy, 100000, 0);
  for (int i = 0; i < 1000; ++i) simulation.Step();
  simulation.Add(back, 100000, 0);
  const double before = Service(simulation, busy);
  for (int i = 0; i < 100; ++i) simulation.Step();
  EXPECT_NEAR(Service(simulation, busy) - before, Service(simulation, back), 32);
}

TEST(TenantSharesTest, TenantThatAskedForLittleDoesNotKeepTheOthersWaitingLater) {
  for (const uint32_t max_running : {16u, 64u}) {
    SchedulerLimits limits = Limits(64, 64);
    limits.max_running = max_running;
    Simulation simulation(limits);
    simulation.Calibrate();
    const auto modest = Tenant(), busy = Tenant();
    AddDecoding(simulation, modest, 1);
    const auto run = [&](int num_steps, uint64_t num_modest) {
      for (int i = 0; i < num_steps; ++i) {
        while (simulation.num_open(modest) < num_modest) simulation.Add(modest, 50, 10);
        while (simulation.num_open(busy) < 60) simulation.Add(busy, 50, 10);
        simulation.Step();
      }
    };
    run(5000, 1);
    run(200, 60);  // what it asked too little of late
    const double modest_before = Service(simulation, modest), busy_before = Service(simulation, busy);
    run(500, 60);
    EXPECT_NEAR((Service(simulation, modest) - modest_before) / (Service(simulation, busy) - busy_before), 1, 0.05)
        << max_running;
  }
}

TEST(TenantSharesTest, WhatATenantDidWithoutWhileAllHadWhatTheyWantedIsNoClaim) {
  Simulation simulation(Limits(64, 16));
  simulation.Calibrate();
  const auto modest = Tenant(), busy = Tenant();
  AddDecoding(simulation, modest, 1);
  AddDecoding(simulation, busy, 8);
  for (int i = 0; i < 5000; ++i) simulation.Step();
  const auto run = [&](int num_steps) {
    for (int i = 0; i < num_steps; ++i) {
      for (const auto& tenant : {modest, busy}) {
        while (simulation.num_open(tenant) < 60) simulation.Add(tenant, 50, 10);
      }
      simulation.Step();
    }
  };
  run(200);
  const double modest_before = Service(simulation, modest), busy_before = Service(simulation, busy);
  run(500);
  EXPECT_NEAR((Service(simulation, modest) - modest_before) / (Service(simulation, busy) - busy_before), 1, 0.05);
}

TEST(TenantSharesTest, PromptOfATenantThatAskedForLittleLeavesTheStreamsOfAnotherInEveryStep) {
  Simulation simulation(Limits(512, 64));
  simulation.Calibrate();
  const auto modest = Tenant(), busy = Tenant();
  AddDecoding(simulation, modest, 1);
  const std::vector<Stream*> decoding = AddDecoding(simulation, busy, 8);
  for (int i = 0; i < 5000; ++i) simulation.Step();
  const Stream& prompt = simulation.Add(modest, 2000, 0);
  while (!prompt.is_done) {
    const auto step = StepOf(simulation);
    for (const Stream* stream : decoding) ASSERT_TRUE(step.contains(stream)) << prompt.num_left << " left";
  }
}

TEST(TenantSharesTest, TenantThatFindsNobodyComesLevelWithTheOneThatLeftLast) {
  Simulation simulation(Limits(16, 64));
  simulation.Calibrate();
  const auto served = Tenant(), fresh = Tenant();
  const Stream& first = simulation.Add(served, 16000, 0);
  while (!first.is_done) ASSERT_TRUE(simulation.Step());
  const double before = Service(simulation, served);
  EXPECT_EQ(before, 16000);
  simulation.Add(fresh, 100000, 0);
  simulation.Add(served, 100000, 0);
  for (int i = 0; i < 100; ++i) simulation.Step();
  EXPECT_NEAR(Service(simulation, served) - before, Service(simulation, fresh), 32);
}

}  // namespace
}  // namespace skein
