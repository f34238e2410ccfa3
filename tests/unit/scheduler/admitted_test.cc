#include "scheduler/admitted.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace skein {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class AdmittedTest : public ::testing::Test {
 protected:
  ~AdmittedTest() override {
    for (const auto& job : jobs_) {
      if (job->counts != nullptr) admitted_.Remove(*job);
    }
  }

  AdmittedJob& Add(const std::string& tenant, uint64_t num_tokens, int64_t rank_us = 0, uint32_t num_answers = 1) {
    AdmittedJob& job = *jobs_.emplace_back(std::make_unique<AdmittedJob>());
    job.tenant = tenants_->Get(tenant);
    job.rank_us = rank_us;
    job.num_tokens = job.num_tokens_left = num_tokens;
    job.num_answer_tokens = 8;
    job.num_answers = num_answers;
    admitted_.Add(job);
    return job;
  }
  void Remove(AdmittedJob& job) {
    admitted_.Remove(job);
    job.counts = nullptr;
  }

  const std::shared_ptr<TenantTable> tenants_ = TenantTable::Create();
  Admitted admitted_;
  std::vector<std::unique_ptr<AdmittedJob>> jobs_;
};

TEST_F(AdmittedTest, TenantIsForgottenWithItsLastJob) {
  AdmittedJob& first = Add("a", 10);
  AdmittedJob& second = Add("a", 10);
  Remove(first);
  ASSERT_NE(admitted_.Find(*second.tenant), nullptr);
  EXPECT_EQ(admitted_.Find(*second.tenant)->num_waiting, 1u);
  Remove(second);
  EXPECT_EQ(admitted_.Find(*second.tenant), nullptr);
  EXPECT_THAT(admitted_.tenants(), IsEmpty());
}

TEST_F(AdmittedTest, ARunningJobKeepsItsTenant) {
  AdmittedJob& waiting = Add("a", 10);
  AdmittedJob& running = Add("a", 10);
  admitted_.Feed(running, 10);
  Remove(waiting);
  ASSERT_NE(admitted_.Find(*running.tenant), nullptr);
  EXPECT_EQ(admitted_.Find(*running.tenant)->num_running, 1u);
}

TEST_F(AdmittedTest, ForgetDropsTheCountsOfATenantWithoutJobsAlone) {
  const std::shared_ptr<Tenant> idle = tenants_->Get("idle");
  admitted_.CountsOf(*idle);
  const AdmittedJob& job = Add("a", 10);
  admitted_.Forget(*idle);
  admitted_.Forget(*job.tenant);
  EXPECT_EQ(admitted_.Find(*idle), nullptr);
  EXPECT_NE(admitted_.Find(*job.tenant), nullptr);
  admitted_.Forget(*idle);
  EXPECT_THAT(admitted_.tenants(), SizeIs(1));
}

TEST_F(AdmittedTest, DemandOfATenantIsOfferedOnce) {
  const AdmittedJob& job = Add("a", 10);
  ArrivalRate expected;
  expected.Add(10, 0);
  const ArrivalRate& offered = admitted_.Find(*job.tenant)->offered;
  EXPECT_DOUBLE_EQ(offered.PerUs(1000), expected.PerUs(1000)) << "Offer would not have known the tenant";
  admitted_.Offer(*job.tenant, 30, 0);
  Add("a", 30);
  expected.Add(30, 0);
  EXPECT_DOUBLE_EQ(offered.PerUs(1000), expected.PerUs(1000));
}

TEST_F(AdmittedTest, JobsAreReadByRankAndThenInTheirOrder) {
  AdmittedJob& late = Add("a", 1, 20);
  AdmittedJob& second = Add("a", 1, 10);
  AdmittedJob& third = Add("a", 1, 10);
  AdmittedJob& first = Add("a", 1, 5);
  const std::vector<AdmittedJob*>& reading = admitted_.Find(*late.tenant)->reading;
  EXPECT_THAT(reading, ElementsAre(&first, &second, &third, &late));
  admitted_.Feed(second, 1);
  EXPECT_THAT(reading, ElementsAre(&first, &third, &late));
  Remove(first);
  EXPECT_THAT(reading, ElementsAre(&third, &late));
}

TEST_F(AdmittedTest, CountsFollowAJobFromItsComingToItsEnd) {
  AdmittedJob& job = Add("a", 10, 0, 3);
  Add("b", 5);
  EXPECT_EQ(admitted_.queued_tokens(), 15u);
  EXPECT_EQ(admitted_.num_waiting(), 2u);
  admitted_.Skip(job, 4);
  EXPECT_EQ(admitted_.queued_tokens(), 11u);
  admitted_.Skip(job, 100);
  EXPECT_EQ(admitted_.queued_tokens(), 6u) << "one stays";
  EXPECT_EQ(admitted_.num_running(), 0u);
  admitted_.Feed(job, 100);
  EXPECT_EQ(admitted_.queued_tokens(), 5u);
  EXPECT_EQ(admitted_.num_waiting(), 1u);
  EXPECT_EQ(admitted_.num_running(), 1u);
  EXPECT_EQ(admitted_.num_decoding(), 3u);
  admitted_.Feed(job, 1);
  admitted_.Skip(job, 1);
  EXPECT_EQ(admitted_.num_decoding(), 3u) << "what it draws is not known when it comes";
  Remove(job);
  EXPECT_EQ(admitted_.num_decoding(), 0u);
  EXPECT_EQ(admitted_.num_running(), 0u);
  EXPECT_EQ(admitted_.queued_tokens(), 5u);
}

TEST_F(AdmittedTest, RemovedJobsLeaveTheOthersInTheList) {
  AdmittedJob& a = Add("a", 1);
  AdmittedJob& b = Add("b", 1);
  AdmittedJob& c = Add("c", 1);
  Remove(a);
  EXPECT_THAT(admitted_.jobs(), testing::UnorderedElementsAre(&b, &c));
  Remove(c);
  EXPECT_THAT(admitted_.jobs(), ElementsAre(&b));
  Remove(b);
  EXPECT_THAT(admitted_.jobs(), IsEmpty());
}

}  // namespace
}  // namespace skein
