#include "scheduler/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/status.h"
#include "tests/unit/scheduler/steady_pace.h"

namespace skein {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

// 100 rows take 1 ms and 100 ms more: about a token of a prompt per millisecond.
constexpr SchedulerLimits kLimits = {.max_tokens = 100, .max_entries = 100, .step_us = 60000, .min_prompt_tokens = 10};

class AdmissionTest : public ::testing::Test {
 protected:
  static constexpr Admission::Clock::time_point kStart{seconds(1000)};

  void SetUp() override { Make({.max_queued_tokens = 1000}); }

  void Make(const AdmissionLimits& limits, const SchedulerLimits& pace = kLimits) {
    admission_ = Admission::Create(limits, tenants_, test::SteadyPace(pace, 1000, 1000));
  }
  Demand Ask(uint64_t num_tokens, const std::string& tenant = "") const {
    return {.tenant = tenants_->Get(tenant), .num_tokens = num_tokens};
  }
  // A ticket, or an empty one if the demand was refused.
  Ticket Admit(const Demand& demand, milliseconds now = milliseconds(0)) {
    absl::StatusOr<std::vector<Ticket>> tickets = admission_->Admit({&demand, 1}, kStart + now);
    status_ = tickets.status();
    return tickets.ok() ? std::move((*tickets)[0]) : Ticket();
  }

  // Jobs that came before, of 100 tokens each.
  std::vector<Ticket> AdmitHundreds(int count) {
    std::vector<Ticket> tickets;
    for (int i = 0; i < count; ++i) tickets.push_back(Admit(Ask(100)));
    return tickets;
  }

  const std::shared_ptr<TenantTable> tenants_ = TenantTable::Create();
  std::shared_ptr<Admission> admission_;
  absl::Status status_;
};

// Else a tenant that asks for what it cannot have would slow the others down, by what it brings.
TEST_F(AdmissionTest, TenantWithoutJobsLeavesNothingBehindARefusal) {
  const auto first_in_time = [this] {
    int64_t ms = 1;
    while (true) {
      Demand demand = Ask(100, "y");
      demand.first_token = milliseconds(ms);
      if (!Admit(demand).empty()) return ms;
      ++ms;
    }
  };
  const std::shared_ptr<Tenant> greedy = tenants_->Get("x");
  const Ticket waits = Admit(Ask(300, "y"));
  const int64_t before_ms = first_in_time();
  for (int i = 0; i < 50; ++i) {
    Demand demand = Ask(200, "x");
    demand.first_token = milliseconds(1);
    EXPECT_TRUE(Admit(demand).empty());
  }
  EXPECT_EQ(first_in_time(), before_ms);
}

TEST_F(AdmissionTest, CountsWhatWaits) {
  Ticket a = Admit(Ask(300));
  Ticket b = Admit(Ask(200, "x"));
  EXPECT_EQ(admission_->Load().queued_tokens, 500u);
  EXPECT_EQ(admission_->Load().num_waiting, 2u);
  a.OnFed(100);
  EXPECT_EQ(admission_->Load().queued_tokens, 400u);
  EXPECT_EQ(admission_->Load().num_running, 1u);
  EXPECT_EQ(admission_->LoadOf(*tenants_->Get("x")).queued_tokens, 200u);
  a.OnFed(200);
  EXPECT_EQ(admission_->Load().num_running, 1u) << "it draws its answer now";
  a.Release();
  b.Release();
  EXPECT_EQ(admission_->Load().queued_tokens, 0u);
  EXPECT_EQ(admission_->Load().num_waiting, 0u);
  EXPECT_EQ(admission_->Load().num_running, 0u);
}

TEST_F(AdmissionTest, RefusesWhatTheBoundHasNoRoomFor) {
  const Ticket a = Admit(Ask(700));
  ASSERT_FALSE(a.empty());
  EXPECT_TRUE(Admit(Ask(301)).empty());
  EXPECT_TRUE(absl::IsResourceExhausted(status_));
  EXPECT_THAT(status_.message(), HasSubstr("700 tokens"));
  EXPECT_THAT(status_.message(), HasSubstr("301"));
  EXPECT_THAT(status_.message(), HasSubstr("at most 1000"));
  EXPECT_FALSE(Admit(Ask(300)).empty());
}

TEST_F(AdmissionTest, EmptyQueueTakesAPromptOfAnyLength) {
  Ticket a = Admit(Ask(5000));
  EXPECT_FALSE(a.empty());
  EXPECT_TRUE(Admit(Ask(1)).empty());
  a.OnFed(5000);
  EXPECT_FALSE(Admit(Ask(1)).empty());
}

TEST_F(AdmissionTest, DemandsOfOneCallAreAdmittedTogetherOrNotAtAll) {
  const Ticket a = Admit(Ask(100));
  const Demand many[] = {Ask(400), Ask(400), Ask(400)};
  EXPECT_TRUE(absl::IsResourceExhausted(admission_->Admit(many, kStart).status()));
  EXPECT_EQ(admission_->Load().queued_tokens, 100u);
  EXPECT_EQ(admission_->Admit({many, 2}, kStart)->size(), 2u);
}

TEST_F(AdmissionTest, HalfOfTheBoundIsForOneTenantWhileOthersAreThere) {
  Ticket a = Admit(Ask(1000, "x"));
  EXPECT_FALSE(a.empty()) << "alone";
  a.Release();
  const auto other = tenants_->Get("y");
  const Ticket b = Admit(Ask(400, "x"));
  EXPECT_TRUE(Admit(Ask(101, "x")).empty());
  EXPECT_THAT(status_.message(), HasSubstr("tenant \"x\""));
  EXPECT_FALSE(Admit(Ask(500, "y")).empty());
}

TEST_F(AdmissionTest, ATenantsOwnBoundHolds) {
  tenants_->SetPolicy("x", {.max_queued_tokens = 50});
  const Ticket a = Admit(Ask(30, "x"));
  EXPECT_TRUE(Admit(Ask(21, "x")).empty());
  EXPECT_FALSE(Admit(Ask(20, "x")).empty());
  EXPECT_FALSE(Admit(Ask(400)).empty());
}

TEST_F(AdmissionTest, WithoutABoundThePaceDecides) {
  Make({});
  EXPECT_EQ(admission_->Load().max_queued_tokens, Admission::kLongPrompt) << "4 s are about 4000 tokens";
  admission_->SetPace(test::SteadyPace(kLimits, 10, 10));
  EXPECT_NEAR(static_cast<double>(admission_->Load().max_queued_tokens), 400000, 40000);
}

TEST_F(AdmissionTest, UnknownPaceBoundsNothing) {
  admission_ = Admission::Create({}, tenants_, Pace(kLimits));
  EXPECT_FALSE(Admit(Ask(1000000)).empty());
  Demand demand = Ask(1000000);
  demand.first_token = milliseconds(1);
  EXPECT_FALSE(Admit(demand).empty()) << "nothing is known against it";
}

TEST_F(AdmissionTest, RetryIsTheTimeUntilThereIsRoom) {
  const Ticket a = Admit(Ask(1000));
  EXPECT_TRUE(Admit(Ask(200)).empty());
  // 200 tokens take about 200 ms, and a step runs.
  EXPECT_GE(RetryAfterMs(status_), 200u);
  EXPECT_LE(RetryAfterMs(status_), 500u);
}

TEST_F(AdmissionTest, FirstTokenDeadlineLooksAtTheQueue) {
  Demand demand = Ask(100);
  demand.first_token = milliseconds(700);
  EXPECT_FALSE(Admit(demand).empty());
  const std::vector<Ticket> before = AdmitHundreds(6);
  EXPECT_TRUE(Admit(demand).empty());
  EXPECT_TRUE(absl::IsResourceExhausted(status_)) << status_;
  EXPECT_THAT(status_.message(), HasSubstr("first_token_ms 700"));
  // About 400 ms are too much.
  EXPECT_GE(RetryAfterMs(status_), 200u);
  EXPECT_LE(RetryAfterMs(status_), 800u);
}

TEST_F(AdmissionTest, DeadlineCountsTheAnswer) {
  Demand demand = Ask(10);
  demand.num_answer_tokens = 100;
  demand.end = milliseconds(1000);
  EXPECT_FALSE(Admit(demand).empty()) << "a step of one row takes 2 ms";
  demand.num_answer_tokens = 1000;
  EXPECT_TRUE(Admit(demand).empty());
}

TEST_F(AdmissionTest, DeadlineThatCannotBeMetAtAllSaysSo) {
  Demand demand = Ask(500);
  demand.first_token = milliseconds(100);
  EXPECT_TRUE(Admit(demand).empty());
  EXPECT_TRUE(absl::IsDeadlineExceeded(status_)) << status_;
  EXPECT_EQ(RetryAfterMs(status_), 0u);
  const Ticket a = Admit(Ask(1000));
  EXPECT_TRUE(Admit(demand).empty());
  EXPECT_TRUE(absl::IsDeadlineExceeded(status_)) << "also behind a full queue: " << status_;
}

TEST_F(AdmissionTest, PriorityGoesAheadOfTheQueue) {
  const std::vector<Ticket> before = AdmitHundreds(8);
  Demand demand = Ask(100);
  demand.first_token = milliseconds(700);
  EXPECT_TRUE(Admit(demand).empty());
  demand.priority = 1;
  EXPECT_FALSE(Admit(demand).empty());
}

TEST_F(AdmissionTest, NobodyGoesAheadAtTheCostOfAPromise) {
  const std::vector<Ticket> before = AdmitHundreds(4);
  Demand promised = Ask(100);
  promised.first_token = milliseconds(900);
  const Ticket b = Admit(promised);
  ASSERT_FALSE(b.empty());
  Demand urgent = Ask(450);
  urgent.priority = 8;
  EXPECT_TRUE(Admit(urgent).empty());
  EXPECT_THAT(status_.message(), HasSubstr("was admitted"));
  EXPECT_GE(RetryAfterMs(status_), 400u);
  urgent.num_tokens = 100;
  EXPECT_FALSE(Admit(urgent).empty());
}

TEST_F(AdmissionTest, WaitsForPlacesWhereRunningJobsAreBounded) {
  SchedulerLimits limits = kLimits;
  limits.max_running = 1;
  Make({.max_queued_tokens = 1000}, limits);
  Demand long_answer = Ask(1);
  long_answer.num_answer_tokens = 1000;
  Ticket running = Admit(long_answer);
  running.OnFed(1);
  Demand demand = Ask(1);
  demand.num_answer_tokens = 1;
  demand.first_token = milliseconds(1000);
  EXPECT_TRUE(Admit(demand).empty()) << "1000 steps of 2 ms come first";
  for (int i = 0; i < 900; ++i) running.OnDrawn();
  EXPECT_FALSE(Admit(demand).empty());
}

TEST_F(AdmissionTest, OtherTenantsTakeTheirShareOnly) {
  Demand demand = Ask(200, "x");
  demand.first_token = milliseconds(700);
  const auto y = tenants_->Get("y");
  const Ticket a = Admit(Ask(500, "y"));
  EXPECT_FALSE(Admit(demand).empty()) << "200 of its own and 200 of the other's come before";
  tenants_->SetPolicy("y", {.weight = 3, .max_queued_tokens = 1000});
  EXPECT_TRUE(Admit(demand).empty()) << "500 of the other's come before";
}

TEST_F(AdmissionTest, RanksByPriorityLengthAndDeadline) {
  const Ticket first = Admit(Ask(100));
  const Ticket second = Admit(Ask(100), milliseconds(10));
  EXPECT_LT(first.job().rank_us, second.job().rank_us);
  const Ticket shorter = Admit(Ask(10), milliseconds(20));
  EXPECT_LT(shorter.job().rank_us, first.job().rank_us);
  Demand demand = Ask(100);
  demand.priority = -1;
  const Ticket low = Admit(demand);
  const Ticket later = Admit(Ask(100), milliseconds(900));
  EXPECT_LT(later.job().rank_us, low.job().rank_us);
  const Ticket much_later = Admit(Ask(100), milliseconds(1100));
  EXPECT_GT(much_later.job().rank_us, low.job().rank_us) << "a second of waiting is worth a priority";
}

TEST_F(AdmissionTest, TenantsComeAndGo) {
  for (int i = 0; i < 100000; ++i) {
    const Ticket ticket = Admit(Ask(1, absl::StrCat("tenant ", i)));
    ASSERT_FALSE(ticket.empty());
  }
  EXPECT_EQ(tenants_->size(), 0u);
  EXPECT_EQ(admission_->Load().num_waiting, 0u);
}

TEST_F(AdmissionTest, ThreadsOfOneTenantCountTogether) {
  const auto tenant = tenants_->Get("x");
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      const Demand demand = {.tenant = tenant, .num_tokens = 7};
      for (int i = 0; i < 5000; ++i) {
        absl::StatusOr<std::vector<Ticket>> tickets = admission_->Admit({&demand, 1});
        if (!tickets.ok()) continue;
        (*tickets)[0].OnFed(3);
        (*tickets)[0].OnFed(4);
        (*tickets)[0].OnDrawn();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(admission_->Load().queued_tokens, 0u);
  EXPECT_EQ(admission_->Load().num_running, 0u);
}

}  // namespace
}  // namespace skein
