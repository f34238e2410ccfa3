#include "runtime/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

namespace skein {
namespace {

using ::testing::ContainerEq;
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

// The first groups of the matches in `text`.
std::set<std::string> Names(const std::string& text, const std::string& expression) {
  const std::regex wanted(expression);
  std::set<std::string> names;
  for (std::sregex_iterator match(text.begin(), text.end(), wanted); match != std::sregex_iterator(); ++match) {
    names.insert(match->str(1));
  }
  return names;
}

// The comment above skein_runtime_metrics has a row for each family of a model and of a tenant, and no other.
TEST(MetricsTest, TheHeaderListsTheFamiliesOfAModel) {
  std::ifstream file(SKEIN_TESTS_DIR "/../sdk/include/skein/runtime.h");
  const std::string header((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const size_t begin = header.find("for each loaded model, with its name as the label");
  const size_t end = header.find("SKEIN_API skein_status skein_runtime_metrics");
  ASSERT_LT(begin, end);
  const std::set<std::string> listed = Names(header.substr(begin, end - begin), "(skein_[a-z_]+)");

  Metrics metrics;
  const std::string without = metrics.Text();
  const auto observer = metrics.observed_models.Add({"m", {{"streams", "max_streams", 1}}, {}}, nullptr);
  observer->tenants().Of("a").OnFed(1);
  std::set<std::string> families = Names(metrics.Text(), "# TYPE (skein_[a-z_]+) ");
  for (const std::string& over_all : Names(without, "# TYPE (skein_[a-z_]+) ")) families.erase(over_all);
  EXPECT_THAT(listed, ContainerEq(families));
}

// The name comes from a plugin.
TEST(MetricsTest, NamesOfLibrariesCannotBreakTheFormat) {
  Metrics metrics;
  metrics.library_multiplications.Add("a\"} 1\nb\\", 2);
  EXPECT_THAT(metrics.Text(), HasSubstr(R"({library="a\"} 1\nb\\"} 2)"));
}

}  // namespace
}  // namespace skein
