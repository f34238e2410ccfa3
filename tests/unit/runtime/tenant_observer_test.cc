#include "runtime/tenant_observer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "runtime/metrics.h"

namespace skein {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

class TenantObserverTest : public testing::Test {
 protected:
  Metrics metrics_;
  const std::shared_ptr<ModelObserver> model_ =
      metrics_.observed_models.Add({.name = "m",
                                    .limits = {},
                                    .count_slots = {},
                                    .count_queue_of =
                                        [](absl::string_view name) {
                                          return name == "a" ? QueueCounts{1, 2, 30} : QueueCounts();
                                        },
                                    .count_queue =
                                        [] {
                                          return QueueCounts{4, 6, 100};
                                        }},
                                   nullptr);
};

TEST_F(TenantObserverTest, EachTenantHasItsOwnFigures) {
  TenantObserver& a = model_->tenants().Of("a");
  a.OnFed(5);
  a.OnDrawn();
  a.OnFirstToken(milliseconds(250));
  a.OnNextToken(milliseconds(20));
  a.OnNextToken(milliseconds(30));
  model_->tenants().Of("").OnFed(7);
  EXPECT_EQ(&model_->tenants().Of("a"), &a);
  const std::string text = metrics_.Text();
  for (const char* line :
       {"# TYPE skein_tenant_jobs gauge\n", "skein_tenant_jobs{model=\"m\",tenant=\"a\",state=\"queued\"} 1\n",
        "skein_tenant_jobs{model=\"m\",tenant=\"a\",state=\"running\"} 2\n",
        "skein_tenant_queued_tokens{model=\"m\",tenant=\"a\"} 30\n", "# TYPE skein_tenant_tokens_total counter\n",
        "skein_tenant_tokens_total{model=\"m\",tenant=\"a\",kind=\"read\"} 5\n",
        "skein_tenant_tokens_total{model=\"m\",tenant=\"a\",kind=\"drawn\"} 1\n",
        "skein_tenant_tokens_total{model=\"m\",tenant=\"\",kind=\"read\"} 7\n",
        "skein_tenant_first_token_seconds_sum{model=\"m\",tenant=\"a\"} 0.25\n",
        "skein_tenant_token_gap_seconds_sum{model=\"m\",tenant=\"a\"} 0.05\n",
        "skein_tenant_token_gap_seconds_count{model=\"m\",tenant=\"a\"} 2\n",
        "skein_tenant_token_gap_seconds_count{model=\"m\",tenant=\"\"} 0\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("others")));
}

TEST_F(TenantObserverTest, TenantsBeyondTheBoundShareOneLine) {
  model_->tenants().Of("a");
  for (size_t i = 1; i < TenantObservers::kMaxTenants; ++i) model_->tenants().Of(absl::StrCat("tenant ", i)).OnFed(1);
  EXPECT_EQ(model_->tenants().others(), nullptr);
  for (int i = 0; i < 1000; ++i) model_->tenants().Of(absl::StrCat("late ", i)).OnFed(2);
  const std::string text = metrics_.Text();
  EXPECT_EQ(model_->tenants().Values().size(), TenantObservers::kMaxTenants);
  EXPECT_THAT(text, HasSubstr("skein_tenant_tokens_total{model=\"m\",tenants=\"others\",kind=\"read\"} 2000\n"));
  // The sums over tenants without lines of their own.
  EXPECT_THAT(text, HasSubstr("skein_tenant_jobs{model=\"m\",tenants=\"others\",state=\"queued\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("skein_tenant_jobs{model=\"m\",tenants=\"others\",state=\"running\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("skein_tenant_queued_tokens{model=\"m\",tenants=\"others\"} 70\n"));
  EXPECT_THAT(text, Not(HasSubstr("late ")));
}

TEST_F(TenantObserverTest, NamesCannotBreakTheFormat) {
  model_->tenants().Of("a\"} 1\n\xff\\").OnFed(2);
  const std::string text = metrics_.Text();
  EXPECT_THAT(text, HasSubstr("tenant=\"a\\\"} 1\\\\n\xEF\xBF\xBD\\\\\",kind=\"read\"} 2\n"));
}

// Two samples of one name are an error in the format.
TEST_F(TenantObserverTest, NamesThatLookTheSameAreOne) {
  model_->tenants().Of("\x01").OnFed(2);
  model_->tenants().Of("\x02").OnFed(3);
  EXPECT_THAT(metrics_.Text(), HasSubstr("kind=\"read\"} 5\n"));
}

}  // namespace
}  // namespace skein
