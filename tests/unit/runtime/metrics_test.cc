#include "runtime/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace skein {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(MetricsTest, CountersHaveHelpAndType) {
  Metrics metrics;
  metrics.multiplications += 12;
  EXPECT_THAT(metrics.Text(), HasSubstr("\n# HELP skein_multiplications_total "));
  EXPECT_THAT(metrics.Text(),
              HasSubstr("\n# TYPE skein_multiplications_total counter\nskein_multiplications_total 12\n"));
}

TEST(MetricsTest, EachLibraryHasALineOnceItIsKnown) {
  Metrics metrics;
  EXPECT_THAT(metrics.Text(), Not(HasSubstr("{library=")));
  metrics.library_multiplications.Add("oneDNN", 0);
  EXPECT_THAT(metrics.Text(), HasSubstr("\nskein_library_multiplications_total{library=\"oneDNN\"} 0\n"));
  metrics.library_multiplications.Add("oneDNN", 5);
  metrics.library_multiplications.Add("other", 7);
  metrics.library_multiplications.Add("oneDNN", 6);
  EXPECT_THAT(metrics.Text(), HasSubstr("{library=\"oneDNN\"} 11\n"));
  EXPECT_THAT(metrics.Text(), HasSubstr("{library=\"other\"} 7\n"));
}

// The name comes from a plugin.
TEST(MetricsTest, NamesOfLibrariesCannotBreakTheFormat) {
  Metrics metrics;
  metrics.library_multiplications.Add("a\"} 1\nb\\", 2);
  EXPECT_THAT(metrics.Text(), HasSubstr(R"({library="a\"} 1\nb\\"} 2)"));
}

}  // namespace
}  // namespace skein
