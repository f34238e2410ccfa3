#include "runtime/model_observer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "runtime/metrics.h"

namespace skein {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr ModelObserver::Clock::time_point kBegin{};

ObservedModel Named(const std::string& name) { return {name, {}, {}}; }

TEST(ModelObserverTest, GaugesAreThoseOfTheLastPlan) {
  Metrics metrics;
  const auto observer = metrics.observed_models.Add(Named("m"), nullptr);
  observer->OnPlanned({kBegin, kBegin}, {.queued = 9, .running = 9, .paused = 9}, {});
  observer->OnPlanned({kBegin, kBegin}, {.queued = 3, .running = 2, .paused = 1}, {});
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("# TYPE skein_jobs gauge\nskein_jobs{model=\"m\",state=\"queued\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("skein_jobs{model=\"m\",state=\"running\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("skein_jobs{model=\"m\",state=\"waiting_for_reader\"} 1\n"));
}

TEST(ModelObserverTest, LimitsAndSlotsAreGauges) {
  Metrics metrics;
  const auto observer = metrics.observed_models.Add({"m",
                                                     {{"streams", "max_streams", 64}},
                                                     [] {
                                                       return SlotCounts{5, 7, 11, 13};
                                                     }},
                                                    nullptr);
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("skein_limit{model=\"m\",limit=\"streams\",option=\"max_streams\"} 64\n"));
  EXPECT_THAT(text, HasSubstr("skein_slots{model=\"m\",state=\"held\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("skein_slots{model=\"m\",state=\"free\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("skein_states{model=\"m\",place=\"slot\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("skein_states{model=\"m\",place=\"host_memory\"} 11\n"));
  EXPECT_THAT(text, HasSubstr("skein_states{model=\"m\",place=\"disk\"} 13\n"));
}

TEST(ModelObserverTest, MovesOfStatesAreCountedByKindAndInBytes) {
  Metrics metrics;
  const auto observer = metrics.observed_models.Add({"m",
                                                     {},
                                                     [] {
                                                       SlotCounts counts;
                                                       counts.parked = 3;
                                                       counts.woken = 2;
                                                       counts.to_disk = 5;
                                                       counts.from_disk = 4;
                                                       counts.state_bytes = 10;
                                                       return counts;
                                                     }},
                                                    nullptr);
  observer->OnWoken(milliseconds(2));
  observer->OnFetched(milliseconds(250));
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("skein_state_moves_total{model=\"m\",move=\"park\"} 3\n"
                              "skein_state_moves_total{model=\"m\",move=\"wake\"} 2\n"
                              "skein_state_moves_total{model=\"m\",move=\"to_disk\"} 5\n"
                              "skein_state_moves_total{model=\"m\",move=\"from_disk\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("skein_state_moved_bytes_total{model=\"m\",move=\"to_disk\"} 50\n"));
  EXPECT_THAT(text, HasSubstr("skein_state_wake_seconds_sum{model=\"m\"} 0.002\n"));
  EXPECT_THAT(text, HasSubstr("skein_state_fetch_seconds_sum{model=\"m\"} 0.25\n"));
}

TEST(ModelObserverTest, CheckpointsAreCounted) {
  Metrics metrics;
  ObservedModel model = {"m", {}, {}};
  model.count_checkpoints = [] { return CheckpointCounts{.states = 4, .kept = 9, .dropped = 5}; };
  const auto observer = metrics.observed_models.Add(std::move(model), nullptr);
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("# TYPE skein_checkpoints gauge\nskein_checkpoints{model=\"m\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("skein_checkpoints_kept_total{model=\"m\"} 9\n"));
  EXPECT_THAT(text, HasSubstr("skein_checkpoints_dropped_total{model=\"m\"} 5\n"));
}

TEST(ModelObserverTest, PrefixCacheIsCountedByOutcome) {
  Metrics metrics;
  PrefixCounts counts;
  counts.requests[1] = 8;  // SKEIN_CACHE_HIT
  counts.requests[4] = 3;  // SKEIN_CACHE_COLD
  counts.saved_tokens = 700;
  counts.states = 2;
  counts.state_bytes = 24;
  const auto observer = metrics.observed_models.Add({"m", {}, {}, [counts] { return counts; }}, nullptr);
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("skein_prefix_cache_requests_total{model=\"m\",outcome=\"hit\"} 8\n"));
  EXPECT_THAT(text, HasSubstr("skein_prefix_cache_requests_total{model=\"m\",outcome=\"cold\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("skein_prefix_cache_saved_tokens_total{model=\"m\"} 700\n"));
  EXPECT_THAT(text, HasSubstr("skein_prefix_cache_states{model=\"m\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("skein_prefix_cache_bytes{model=\"m\"} 24\n"));
}

TEST(ModelObserverTest, HistogramsAreCumulativeAndInSeconds) {
  Metrics metrics;
  const auto observer = metrics.observed_models.Add(Named("m"), nullptr);
  observer->OnStep({kBegin, kBegin + microseconds(1000)}, {.num_entries = 2, .num_tokens = 5, .num_decodes = 1});
  observer->OnStep({kBegin, kBegin + microseconds(3000)}, {.num_entries = 1, .num_tokens = 1, .num_decodes = 1});
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("# TYPE skein_step_duration_seconds histogram\n"));
  EXPECT_THAT(text, HasSubstr("skein_step_duration_seconds_bucket{model=\"m\",le=\"0.000512\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("skein_step_duration_seconds_bucket{model=\"m\",le=\"0.001024\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("skein_step_duration_seconds_bucket{model=\"m\",le=\"0.004096\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("skein_step_duration_seconds_bucket{model=\"m\",le=\"+Inf\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("skein_step_duration_seconds_sum{model=\"m\"} 0.004\n"));
  EXPECT_THAT(text, HasSubstr("skein_step_duration_seconds_count{model=\"m\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("skein_step_tokens_bucket{model=\"m\",le=\"1\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("skein_step_tokens_bucket{model=\"m\",le=\"8\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("skein_step_entries_sum{model=\"m\"} 3\n"));
}

TEST(ModelObserverTest, TimesOfRequestsAreApart) {
  Metrics metrics;
  const auto observer = metrics.observed_models.Add(Named("m"), nullptr);
  observer->OnFirstToken(milliseconds(250));
  observer->OnNextToken(milliseconds(20));
  observer->OnNextToken(milliseconds(30));
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("skein_first_token_seconds_sum{model=\"m\"} 0.25\n"));
  EXPECT_THAT(text, HasSubstr("skein_token_gap_seconds_sum{model=\"m\"} 0.05\n"));
  EXPECT_THAT(text, HasSubstr("skein_token_gap_seconds_count{model=\"m\"} 2\n"));
}

TEST(ObservedModelsTest, ModelsOfOneNameAreToldApart) {
  Metrics metrics;
  const auto first = metrics.observed_models.Add(Named("m"), nullptr);
  const auto second = metrics.observed_models.Add(Named("m"), nullptr);
  EXPECT_EQ(first->model().name, "m");
  EXPECT_EQ(second->model().name, "m#2");
  // A metric is described once, with the samples of all models below.
  EXPECT_THAT(metrics.Text(), HasSubstr("skein_jobs{model=\"m\",state=\"waiting_for_reader\"} 0\n"
                                        "skein_jobs{model=\"m#2\",state=\"queued\"} 0\n"));
}

TEST(ObservedModelsTest, ModelThatIsGoneLeavesNothing) {
  Metrics metrics;
  metrics.observed_models.Add(Named("m"), nullptr);
  EXPECT_THAT(metrics.Text(), Not(HasSubstr("{model=")));
  EXPECT_EQ(metrics.observed_models.Add(Named("m"), nullptr)->model().name, "m");
}

TEST(ObservedModelsTest, NamesOfModelsCannotBreakTheFormat) {
  Metrics metrics;
  const auto observer = metrics.observed_models.Add(Named("a\"} 1\nb\\"), nullptr);
  EXPECT_THAT(metrics.Text(), HasSubstr(R"(skein_jobs{model="a\"} 1\nb\\",state="queued"} 0)"));
}

}  // namespace
}  // namespace skein
