#include "engine/noticed_jobs.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <vector>

#include "tests/unit/engine/fake_job.h"

namespace skein {
namespace {

std::shared_ptr<FakeJob> MakeJob() { return std::make_shared<FakeJob>(std::vector<uint32_t>{1}); }

TEST(NoticedJobsTest, EveryJobComesOutOnce) {
  NoticedJobs noticed;
  std::set<std::shared_ptr<Job>> jobs;
  for (int i = 0; i < 5; ++i) jobs.insert(MakeJob());
  for (int round = 0; round < 2; ++round) {
    for (const auto& job : jobs) noticed.Add(job);
    for (const auto& job : jobs) noticed.Add(job);
    std::set<std::shared_ptr<Job>> taken;
    while (std::shared_ptr<Job> job = noticed.Take()) EXPECT_TRUE(taken.insert(job).second);
    EXPECT_EQ(taken, jobs);
    EXPECT_TRUE(noticed.empty());
  }
}

TEST(NoticedJobsTest, ListKeepsItsJobsAliveAndLetsGoOfMany) {
  auto job = MakeJob();
  const std::weak_ptr<FakeJob> weak(job);
  {
    NoticedJobs noticed;
    noticed.Add(std::move(job));
    for (int i = 0; i < 200'000; ++i) noticed.Add(MakeJob());
    EXPECT_FALSE(weak.expired());
  }
  EXPECT_TRUE(weak.expired());
}

}  // namespace
}  // namespace skein
