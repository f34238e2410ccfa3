// A server under ten times the load that it can serve, whose steps cost something else than it was told: at least 99 in
// 100 of the admitted requests are in time, and the server does at least nine tenths of the work that it does for as
// many clients as it likes. Time is simulated [emulated_server.h].
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/unit/scheduler/emulated_server.h"

namespace skein {
namespace {

using std::chrono::milliseconds;
using test::EmulatedDevice;
using test::EmulatedServer;
using test::RequestMix;

constexpr double kSeconds = 60;
constexpr size_t kClients = 64;

class OverloadTest : public ::testing::TestWithParam<uint64_t> {
 protected:
  // The tokens a second that a closed loop of clients without deadlines gets.
  static double Sustained(const EmulatedDevice& device, RequestMix mix) {
    mix.first_token = mix.end = std::nullopt;
    EmulatedServer server(device, mix, 1, GetParam());
    server.RunClosed(2, kClients);
    return server.RunClosed(kSeconds - 2, kClients);
  }

  // `shares`: of the load, by tenant.
  static void ExpectInTime(const EmulatedDevice& device, const RequestMix& mix = {},
                           const std::vector<double>& shares = {1}) {
    const double sustained = Sustained(device, mix);
    const double tokens = static_cast<double>(mix.min_prompt + mix.max_prompt + mix.min_answer + mix.max_answer) / 2;
    std::vector<double> rates;
    for (const double share : shares) rates.push_back(10 * share * sustained / tokens);
    EmulatedServer server(device, mix, shares.size(), GetParam());
    server.RunOpen(kSeconds, rates);
    uint64_t num_in_time = 0, num_late = 0, num_tokens = 0;
    for (size_t i = 0; i < shares.size(); ++i) {
      num_in_time += server.outcome(i).num_in_time;
      num_late += server.outcome(i).num_late;
      num_tokens += server.outcome(i).num_tokens;
      EXPECT_NEAR(server.outcome(i).service / server.outcome(0).service, 1, 0.05) << "tenant " << i;
    }
    const double in_time = static_cast<double>(num_in_time) / static_cast<double>(num_in_time + num_late);
    const double goodput = static_cast<double>(num_tokens) / kSeconds / sustained;
    RecordProperty("in_time", std::to_string(in_time));
    RecordProperty("goodput", std::to_string(goodput));
    EXPECT_GE(in_time, 0.99) << num_late << " late";
    EXPECT_GE(goodput, 0.9) << "of " << sustained << " tokens a second";
  }
};

TEST_P(OverloadTest, AsTold) { ExpectInTime({}); }

TEST_P(OverloadTest, TwoTenants) { ExpectInTime({}, {}, {0.1, 0.9}); }

TEST_P(OverloadTest, ToldTwiceAsFast) { ExpectInTime({.costs = {}, .told = 0.5}); }

TEST_P(OverloadTest, ToldTwiceAsSlow) { ExpectInTime({.costs = {}, .told = 2}); }

TEST_P(OverloadTest, TimeBetweenSteps) {
  EmulatedDevice device;
  device.costs.between_us = 300;
  device.costs.between_entry_us = 15;
  ExpectInTime(device);
}

TEST_P(OverloadTest, LargeModel) {
  const EmulatedDevice device = {.costs = {.step_us = 10000, .row_us = 800, .entry_us = 150}};
  ExpectInTime(device, {.first_token = milliseconds(5000), .end = milliseconds(15000)});
}

TEST_P(OverloadTest, LargeModelLongAnswers) {
  const EmulatedDevice device = {.costs = {.step_us = 10000, .row_us = 800, .entry_us = 150}};
  ExpectInTime(device,
               {.min_answer = 50, .max_answer = 150, .first_token = milliseconds(5000), .end = milliseconds(40000)});
}

TEST_P(OverloadTest, MixedLengths) {
  ExpectInTime({}, {.min_prompt = 1, .max_prompt = 400, .min_answer = 1, .max_answer = 40});
}

// Another process comes, and goes after a while.
TEST_P(OverloadTest, AnotherProcessComesAndGoes) {
  EmulatedDevice device;
  device.slowness = [](double now_us, std::mt19937_64&) {
    return now_us < 1e9 + 20e6 || now_us > 1e9 + 40e6 ? 1.0 : 2.0;
  };
  ExpectInTime(device);
}

TEST_P(OverloadTest, BecomesSlower) {
  EmulatedDevice device;
  device.slowness = [](double now_us, std::mt19937_64&) { return now_us < 1e9 + 30e6 ? 1.0 : 1.8; };
  ExpectInTime(device, {}, {0.1, 0.9});
}

// One step in ten is five times as long.
TEST_P(OverloadTest, SomeStepsAreMuchLonger) {
  EmulatedDevice device;
  device.slowness = [](double, std::mt19937_64& random) { return random() % 10 == 0 ? 5.0 : 1.0; };
  ExpectInTime(device);
}

TEST_P(OverloadTest, EveryStepAsItLikes) {
  EmulatedDevice device;
  device.slowness = [](double, std::mt19937_64& random) { return std::lognormal_distribution<double>(0, 0.5)(random); };
  ExpectInTime(device);
}

// Every one and a half seconds the machine has another speed.
TEST_P(OverloadTest, MachineIsSharedWithOthers) {
  EmulatedDevice device;
  device.slowness = [](double now_us, std::mt19937_64&) {
    std::mt19937_64 of_period(static_cast<uint64_t>(now_us / 1.5e6));
    return std::uniform_real_distribution<double>(1, 2)(of_period);
  };
  ExpectInTime(device, {}, {0.1, 0.9});
}

INSTANTIATE_TEST_SUITE_P(Seeds, OverloadTest, ::testing::Values(1, 2));

}  // namespace
}  // namespace skein
