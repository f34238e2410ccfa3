#include "state/host_states.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace skein {
namespace {

TEST(HostStatesTest, BudgetIsKeptToTheState) {
  const auto host = HostStates::Create(8, 2);
  std::shared_ptr<HostState> a = host->Take(HostStates::Use::kStay);
  const std::shared_ptr<HostState> b = host->Take(HostStates::Use::kStay);
  ASSERT_TRUE(a != nullptr && b != nullptr);
  EXPECT_EQ(a->values().size(), 8u);
  EXPECT_EQ(host->num_left(), 0u);
  EXPECT_EQ(host->Take(HostStates::Use::kStay), nullptr);
  a.reset();
  EXPECT_EQ(host->num_left(), 1u);
  EXPECT_NE(host->Take(HostStates::Use::kStay), nullptr);
}

TEST(HostStatesTest, OneMoreMayPassAndOneMoreMayBeSwapped) {
  const auto host = HostStates::Create(8, 1);
  const std::shared_ptr<HostState> held = host->Take(HostStates::Use::kStay);
  const std::shared_ptr<HostState> pass = host->Take(HostStates::Use::kPass);
  EXPECT_NE(pass, nullptr);
  EXPECT_EQ(host->Take(HostStates::Use::kPass), nullptr);
  const std::shared_ptr<HostState> swap = host->Take(HostStates::Use::kSwap);
  EXPECT_NE(swap, nullptr);
  EXPECT_EQ(host->Take(HostStates::Use::kSwap), nullptr);
  EXPECT_EQ(host->num_left(), 0u);
}

TEST(HostStatesTest, WhoFoundNoPlaceHearsOfTheFirstThatIsFree) {
  int calls = 0;
  const auto host = HostStates::Create(8, 1, [&calls] { ++calls; });
  std::shared_ptr<HostState> held = host->Take(HostStates::Use::kStay);
  held.reset();
  EXPECT_EQ(calls, 0) << "nobody had asked";
  held = host->Take(HostStates::Use::kStay);
  EXPECT_EQ(host->Take(HostStates::Use::kStay), nullptr);
  held.reset();
  EXPECT_EQ(calls, 1);
}

TEST(HostStatesTest, LargeStatesKeepTheirValues) {
  constexpr uint64_t kFloats = 100'000;
  const auto host = HostStates::Create(kFloats, 3);
  std::vector<std::shared_ptr<HostState>> states;
  for (int i = 0; i < 3; ++i) {
    states.push_back(host->Take(HostStates::Use::kStay));
    std::fill(states[i]->values().begin(), states[i]->values().end(), static_cast<float>(i));
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(states[i]->values()[kFloats - 1], static_cast<float>(i));
}

TEST(HostStatesTest, StateOutlivesItsOwner) {
  auto host = HostStates::Create(8, 1);
  const std::shared_ptr<HostState> held = host->Take(HostStates::Use::kStay);
  host.reset();
  held->values()[7] = 1;
  EXPECT_EQ(held->values()[7], 1.0f);
}

TEST(HostStatesTest, MemoryThatIsKeptCountsToTheBudget) {
  const auto host = HostStates::Create(100'000, 2);
  std::shared_ptr<HostState> a = host->Take(HostStates::Use::kSwap);
  std::shared_ptr<HostState> b = host->Take(HostStates::Use::kSwap);
  std::shared_ptr<HostState> c = host->Take(HostStates::Use::kSwap);
  a.reset();
  EXPECT_EQ(host->num_kept(), 0u) << "two states are held";
  b.reset();
  EXPECT_EQ(host->num_kept(), 1u);
  { const StateScratch scratch(host); }
  EXPECT_EQ(host->num_kept(), 1u);
  const std::shared_ptr<HostState> d = host->Take(HostStates::Use::kStay);
  { const StateScratch scratch(host); }
  EXPECT_EQ(host->num_kept(), 0u) << "two states are held";
}

TEST(HostStatesTest, OneStateIsKeptAtRestIfTheBudgetAllowsIt) {
  const auto host = HostStates::Create(100'000, 2);
  host->Rest();
  EXPECT_EQ(host->num_kept(), 1u);
  const std::shared_ptr<HostState> a = host->Take(HostStates::Use::kStay);
  std::shared_ptr<HostState> b = host->Take(HostStates::Use::kStay);
  host->Rest();
  EXPECT_EQ(host->num_kept(), 0u);
  b.reset();
  host->Rest();
  EXPECT_EQ(host->num_kept(), 1u);
}

}  // namespace
}  // namespace skein
