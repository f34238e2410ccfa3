#include "plugin/host_services.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cfenv>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "system/cpu_quota.h"

namespace skein {
namespace {

void IgnoreLog(uint32_t, absl::string_view) {}

TEST(HostServicesTest, ParallelForVisitsEveryItemOnce) {
  HostServices services(2, IgnoreLog);
  const skein_host& host = services.host();
  std::vector<std::atomic<int>> visits(1000);
  host.parallel_for(
      host.context, visits.size(),
      [](void* argument, uint64_t item) { ++(*static_cast<std::vector<std::atomic<int>>*>(argument))[item]; }, &visits);
  for (const auto& count : visits) EXPECT_EQ(count, 1);
}

TEST(HostServicesTest, ResultsOfParallelWorkAreSeenAfterIt) {
  HostServices services(2, IgnoreLog);
  for (int round = 0; round < 50; ++round) {
    std::vector<int> values(64, 0);
    services.ParallelFor(values.size(), [&](uint64_t i) { values[i] = static_cast<int>(i); });
    for (size_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], static_cast<int>(i));
  }
}

struct Region {
  std::atomic<uint32_t> calls{0};
  std::atomic<uint32_t> count{0};
  std::atomic<uint32_t> indices{0};
  std::atomic<uint32_t> barrier{0};
};

TEST(HostServicesTest, RegionRunsEachParticipantOnceAndTheyMayWaitForEachOther) {
  HostServices services(2, IgnoreLog);
  const skein_host& host = services.host();
  for (int round = 0; round < 200; ++round) {
    Region region;
    host.parallel_region(
        host.context, 8,
        [](void* argument, uint32_t index, uint32_t count) {
          Region& shared = *static_cast<Region*>(argument);
          ++shared.calls;
          shared.count = count;
          shared.indices.fetch_or(1u << index);
          ++shared.barrier;
          while (shared.barrier < count) std::this_thread::yield();
        },
        &region);
    EXPECT_GE(region.count, 1u);
    EXPECT_LE(region.count, services.num_threads());
    EXPECT_EQ(region.calls, region.count);
    EXPECT_EQ(region.indices, (1u << region.count) - 1);
  }
}

TEST(HostServicesTest, RegionsOfSeveralThreadsDoNotLockEachOther) {
  HostServices services(2, IgnoreLog);
  std::vector<std::thread> threads;
  std::atomic<uint32_t> calls{0};
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      const skein_host& host = services.host();
      for (int round = 0; round < 100; ++round) {
        services.Execute([&] {
          host.parallel_region(
              host.context, 2,
              [](void* argument, uint32_t index, uint32_t) {
                if (index == 0) ++*static_cast<std::atomic<uint32_t>*>(argument);
              },
              &calls);
        });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(calls, 300u);
}

// A team whose caller stays until `are_all_here` says so, or far too long.
struct TeamLog {
  std::atomic<uint32_t> calls{0};
  std::atomic<uint32_t> inside{0};
  std::atomic<uint32_t> callers_index{0};
  std::atomic<uint32_t> count{0};
  std::atomic<uint64_t> indices{0};
  std::atomic<bool> has_overlap{false};
  const std::thread::id caller = std::this_thread::get_id();
  std::function<bool(const TeamLog&)> are_all_here = [](const TeamLog&) { return true; };
  std::function<void()> help = [] {};

  void Run(const skein_host& host, uint32_t wanted) {
    host.parallel_team(
        host.context, wanted,
        [](void* argument, uint32_t index, uint32_t num_threads) {
          static_cast<TeamLog*>(argument)->Call(index, num_threads);
        },
        this);
  }

 private:
  void Call(uint32_t index, uint32_t num_threads) {
    ++inside;
    ++calls;
    count = num_threads;
    const uint64_t bit = uint64_t{1} << index;
    if (std::this_thread::get_id() == caller) {
      callers_index = index;
      if ((indices.fetch_or(bit) & bit) != 0) has_overlap = true;
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      while (!are_all_here(*this) && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    } else {
      indices.fetch_or(bit);
      if (index == callers_index && inside > 1) has_overlap = true;
      help();
    }
    --inside;
  }
};

TEST(HostServicesTest, ATeamsCallerWaitsForNobody) {
  HostServices services(2, IgnoreLog);
  for (int round = 0; round < 200; ++round) {
    TeamLog team;
    team.Run(services.host(), 8);
    EXPECT_GE(team.calls, 1u);
    EXPECT_EQ(team.count, services.num_threads());
    EXPECT_LT(team.callers_index, services.num_threads());
    EXPECT_EQ(team.inside, 0u);
  }
}

TEST(HostServicesTest, AThreadJoinsATeamHoweverLateAndWithAnIndexOfItsOwn) {
  HostServices services(2, IgnoreLog);
  if (services.num_threads() < 2) GTEST_SKIP() << "one processor";
  for (int round = 0; round < 50; ++round) {
    TeamLog team;
    // Far more than a region waits.
    const auto start = std::chrono::steady_clock::now() + std::chrono::milliseconds(round % 5);
    team.are_all_here = [&](const TeamLog& log) {
      return std::chrono::steady_clock::now() > start && log.indices == 0b11;
    };
    team.Run(services.host(), 2);
    ASSERT_EQ(team.indices, 0b11u);
    EXPECT_FALSE(team.has_overlap);
    EXPECT_EQ(team.inside, 0u);
  }
}

TEST(HostServicesTest, AThreadThatLeavesATeamComesAgain) {
  HostServices services(2, IgnoreLog);
  if (services.num_threads() < 2) GTEST_SKIP() << "one processor";
  TeamLog team;
  team.are_all_here = [](const TeamLog& log) { return log.calls >= 5; };
  team.Run(services.host(), 2);
  EXPECT_GE(team.calls, 5u);
  EXPECT_EQ(team.indices, 0b11u);
}

TEST(HostServicesTest, ATeamEndsWhenItsLastThreadHasLeft) {
  HostServices services(2, IgnoreLog);
  if (services.num_threads() < 2) GTEST_SKIP() << "one processor";
  TeamLog team;
  std::atomic<bool> has_left = false;
  team.are_all_here = [](const TeamLog& log) { return log.calls >= 2; };
  team.help = [&has_left] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    has_left = true;
  };
  team.Run(services.host(), 2);
  EXPECT_TRUE(has_left);
  const uint32_t calls = team.calls;
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(team.calls, calls);
}

TEST(HostServicesTest, ATeamOfOneIsItsCaller) {
  HostServices services(2, IgnoreLog);
  TeamLog team;
  team.Run(services.host(), 0);
  EXPECT_EQ(team.calls, 1u);
  EXPECT_EQ(team.count, 1u);
}

TEST(HostServicesTest, TeamsOfSeveralThreadsDoNotLockEachOther) {
  HostServices services(2, IgnoreLog);
  std::vector<std::thread> threads;
  std::atomic<uint32_t> num_teams{0};
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int round = 0; round < 100; ++round) {
        services.Execute([&] {
          TeamLog().Run(services.host(), 2);
          ++num_teams;
        });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(num_teams, 300u);
}

// Counts the calls on a thread that rounds otherwise than to nearest.
void CountOddRounding(void* argument, uint32_t, uint32_t) {
  if (std::fegetround() != FE_TONEAREST) ++*static_cast<std::atomic<int>*>(argument);
}

TEST(HostServicesTest, WorkRunsInTheDefaultFloatingPointEnvironment) {
  std::fesetround(FE_UPWARD);
  HostServices services(4, IgnoreLog);
  const skein_host& host = services.host();
  std::atomic<int> num_odd{0};
  for (int round = 0; round < 100; ++round) {
    services.Execute([&] {
      host.parallel_region(host.context, 4, CountOddRounding, &num_odd);
      host.parallel_team(host.context, 4, CountOddRounding, &num_odd);
      services.ParallelFor(64, [&](uint64_t) { CountOddRounding(&num_odd, 0, 0); });
    });
  }
  const int rounding_after = std::fegetround();
  std::fesetround(FE_TONEAREST);
  EXPECT_EQ(num_odd, 0);
  EXPECT_EQ(rounding_after, FE_UPWARD);
}

TEST(HostServicesTest, ThereAreNoMoreThreadsThanProcessorsAndNothingIsPrinted) {
  testing::internal::CaptureStderr();
  for (const uint32_t wanted : {0u, 1u, 3u, 64u, 1000u, 5000u}) {
    HostServices services(wanted, IgnoreLog);
    const uint32_t expected = std::min(wanted == 0 ? UINT32_MAX : wanted, std::thread::hardware_concurrency());
    EXPECT_LE(services.num_threads(), expected);
    EXPECT_GE(services.num_threads(), 1u);
    EXPECT_EQ(services.host().concurrency(services.host().context), services.num_threads());
    std::atomic<uint64_t> sum{0};
    services.ParallelFor(100, [&](uint64_t i) { sum += i; });
    EXPECT_EQ(sum, 4950u);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(HostServicesTest, ByDefaultThereIsAThreadForEachProcessorThatMayBeUsed) {
  const HostServices services(0, IgnoreLog);
  EXPECT_EQ(services.num_threads(), NumUsableProcessors());
}

TEST(HostServicesTest, MemoryIsAlignedAndAbsurdSizesGiveNull) {
  HostServices services(1, IgnoreLog);
  const skein_host& host = services.host();
  for (const uint64_t alignment : {8, 64, 4096, 2 << 20}) {
    void* memory = host.alloc(host.context, 100, alignment);
    ASSERT_NE(memory, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % alignment, 0u);
    host.free(host.context, memory);
  }
  EXPECT_EQ(host.alloc(host.context, UINT64_MAX, 64), nullptr);
  EXPECT_EQ(host.alloc(host.context, uint64_t{1} << 62, 64), nullptr);
  EXPECT_EQ(host.alloc(host.context, 100, 48), nullptr);
  host.free(host.context, nullptr);
}

TEST(HostServicesTest, LogLinesArrive) {
  std::vector<std::string> lines;
  HostServices services(
      1, [&lines](uint32_t severity, absl::string_view line) { lines.push_back(absl::StrCat(severity, line)); });
  services.host().log(services.host().context, 2, "hello, cut here", 5);
  EXPECT_EQ(lines, std::vector<std::string>{"2hello"});
}

TEST(HostServicesTest, ATextOfSeveralLinesIsSeveralLines) {
  std::vector<std::string> lines;
  HostServices services(
      1, [&lines](uint32_t severity, absl::string_view line) { lines.push_back(absl::StrCat(severity, line)); });
  const std::string table = "kernels:\n  a\n  b\n";
  services.host().log(services.host().context, 0, table.data(), table.size());
  services.host().log(services.host().context, 0xFFFFFFFFu, "end", 3);
  services.host().log(services.host().context, 0, nullptr, 5);
  EXPECT_EQ(lines, (std::vector<std::string>{"0kernels:", "0  a", "0  b", "3end"}));
}

TEST(HostServicesTest, ATextOfAnySizeIsReadSoFar) {
  std::vector<std::string> lines;
  HostServices services(1, [&lines](uint32_t, absl::string_view line) { lines.emplace_back(line); });
  const std::string text(64 << 10, 'x');
  services.host().log(services.host().context, 0, text.data(), UINT64_MAX);
  EXPECT_EQ(lines, std::vector<std::string>{text});
}

}  // namespace
}  // namespace skein
