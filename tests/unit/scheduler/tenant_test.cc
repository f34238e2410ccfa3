#include "scheduler/tenant.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

namespace skein {
namespace {

TEST(TenantTableTest, OneTenantForEachName) {
  const auto table = TenantTable::Create();
  const auto a = table->Get("a");
  EXPECT_EQ(table->Get("a"), a);
  EXPECT_NE(table->Get("b"), a);
  EXPECT_EQ(a->name(), "a");
  EXPECT_EQ(a->weight(), 1);
}

TEST(TenantTableTest, ForgetsWhomNobodyRefersTo) {
  const auto table = TenantTable::Create();
  auto a = table->Get("a");
  EXPECT_EQ(table->size(), 1u);
  a.reset();
  EXPECT_EQ(table->size(), 0u);
  EXPECT_EQ(table->Find("a"), nullptr);
}

TEST(TenantTableTest, ManyTenantsLeaveNothing) {
  const auto table = TenantTable::Create();
  for (int i = 0; i < 100000; ++i) {
    const auto tenant = table->Get(absl::StrCat("tenant ", i));
    ASSERT_EQ(table->size(), 1u);
  }
  EXPECT_EQ(table->size(), 0u);
}

TEST(TenantTableTest, KeepsATenantWithAPolicy) {
  const auto table = TenantTable::Create();
  table->SetPolicy("a", {.weight = 3, .max_queued_tokens = 10, .max_running = 2});
  EXPECT_EQ(table->size(), 1u);
  EXPECT_EQ(table->Get("a")->weight(), 3);
  EXPECT_EQ(table->Get("a")->max_queued_tokens(), 10u);
  EXPECT_EQ(table->Get("a")->max_running(), 2u);
  table->ResetPolicy("a");
  EXPECT_EQ(table->size(), 0u);
  EXPECT_EQ(table->Get("a")->weight(), 1);
}

TEST(TenantTableTest, ResetLeavesATenantWithStreams) {
  const auto table = TenantTable::Create();
  table->SetPolicy("a", {.weight = 3});
  const auto a = table->Get("a");
  table->ResetPolicy("a");
  EXPECT_EQ(table->Get("a"), a);
  EXPECT_EQ(a->weight(), 1);
}

TEST(TenantTableTest, TenantOutlivesItsTable) {
  auto table = TenantTable::Create();
  const auto a = table->Get("a");
  table.reset();
  EXPECT_EQ(a->name(), "a");
}

TEST(TenantTableTest, ThreadsThatComeAndGoShareOneTenant) {
  const auto table = TenantTable::Create();
  std::atomic<int> num_wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) {
        const auto one = table->Get("a");
        const auto other = table->Get("a");
        if (one != other) ++num_wrong;
        if (i % 7 == 0) table->SetPolicy("a", {.weight = 2});
        if (i % 7 == 3) table->ResetPolicy("a");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(num_wrong, 0);
  table->ResetPolicy("a");
  EXPECT_EQ(table->size(), 0u);
}

// Few hold a tenant at a time, so that it ends all the time while others ask for it. The threads share the lock with
// those of another tenant, so that an end often has to wait for it.
TEST(TenantTableTest, ATenantThatEndsTakesNobodyElsesPlace) {
  const auto table = TenantTable::Create();
  std::atomic<int> num_wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100000 && num_wrong == 0; ++i) {
        const char* const name = (i + t) % 2 == 0 ? "a" : "b";
        const auto one = table->Get(name);
        if (table->Find(name) != one) ++num_wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(num_wrong, 0);
}

}  // namespace
}  // namespace skein
