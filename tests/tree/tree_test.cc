// The tree is the architecture (sdk/docs/architecture.md): its includes, the size of its folders and files, and the
// files that its documents name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <numeric>

#include "tests/tree/documents.h"
#include "tests/tree/include_graph.h"

namespace skein::tree {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

constexpr size_t kMaxRing = 2;         // file pairs that include each other
constexpr double kMaxShare = 0.35;     // of the lines of sdk/src in one folder
constexpr size_t kMaxFileLines = 600;  // tests included

const std::filesystem::path kProject = std::filesystem::path(SKEIN_TESTS_DIR).parent_path();
const std::filesystem::path kSources = kProject / "sdk" / "src";
const std::filesystem::path kFixture = std::filesystem::path(SKEIN_TESTS_DIR) / "tree" / "fixture";
const std::filesystem::path kPages = kFixture / "documents";

TEST(TreeTest, NoMoreThanTwoFilePairsIncludeEachOther) {
  for (const std::vector<std::string>& ring : Rings(ReadIncludes(kSources))) {
    EXPECT_LE(ring.size(), kMaxRing) << "a ring: " << testing::PrintToString(ring);
  }
}

TEST(TreeTest, NoFoldersIncludeEachOther) { EXPECT_THAT(Rings(BetweenFolders(ReadIncludes(kSources))), IsEmpty()); }

TEST(TreeTest, NoFolderHoldsMoreThanItsShareOfTheLines) {
  const std::map<std::string, size_t> lines = LinesOfFolders(kSources);
  const size_t total = std::accumulate(lines.begin(), lines.end(), size_t{0},
                                       [](size_t sum, const auto& folder) { return sum + folder.second; });
  for (const auto& [folder, count] : lines) {
    EXPECT_LE(static_cast<double>(count), kMaxShare * static_cast<double>(total))
        << "sdk/src/" << folder << ": " << count << " of " << total << " lines";
  }
}

// The environment belongs to the caller, who in a set-user-id program has fewer rights than the process. The tool and
// the tests are no such programs.
TEST(TreeTest, LibraryAndPluginsReadTheEnvironmentBySecureGetenv) {
  const std::vector<std::string> folders = {"sdk/src",     "sdk/numbers", "sdk/system",
                                            "sdk/include", "backends",    "plugins"};
  EXPECT_THAT(LinesThatMatch(kProject, folders, "\\b(std::|::)?getenv\\b|\\benviron\\b"), IsEmpty());
  EXPECT_THAT(LinesThatMatch(kProject, folders, "\\bsecure_getenv\\("), Not(IsEmpty()));
}

// Not every program of the tree is built by every test run: benchmarks have a preset of their own.
TEST(TreeTest, IncludesNameFiles) {
  EXPECT_THAT(
      MissingIncludes(kProject, {"sdk", "sdk/src", "sdk/include", "sdk/cli", "backends", "plugins",
                                 "bindings/cpp/include", "tests", "tests/bindings", "tests/cuda_emulator/include"}),
      IsEmpty());
}

TEST(TreeTest, NoFileIsTooLong) { EXPECT_THAT(LongFiles(kProject, kMaxFileLines), IsEmpty()); }

// --- documents ---

TEST(DocumentsTest, LinksLeadToFiles) {
  for (const std::filesystem::path& document : Documents(kProject)) {
    if (document.parent_path() == kPages) continue;
    EXPECT_THAT(BrokenLinks(document), IsEmpty()) << document;
  }
}

TEST(DocumentsTest, PathsInCodeMarksAreThere) {
  for (const std::filesystem::path& document : Documents(kProject)) {
    // The last one names the files of the folder that `./dev gpu-bundle` makes.
    if (document.parent_path() == kPages || document.filename() == "bundle.md") continue;
    EXPECT_THAT(MissingPaths(kProject, document), IsEmpty()) << document;
  }
}

TEST(DocumentsTest, SourcesInBracketsAreThere) {
  const std::filesystem::path documents = kProject / "sdk" / "docs";
  EXPECT_THAT(MissingSources({kSources, kProject / "sdk", kProject}, documents / "architecture.md"), IsEmpty());
  EXPECT_THAT(MissingSources({kProject / "backends" / "cuda", kProject}, documents / "cuda.md"), IsEmpty());
}

TEST(DocumentsTest, APageLeadsToEachPage) {
  const std::vector<std::filesystem::path> pages = Documents(kProject / "sdk" / "docs");
  std::string links = TextOf(kProject / "README.md");
  for (const std::filesystem::path& page : pages) links += TextOf(page);
  for (const std::filesystem::path& page : pages) EXPECT_THAT(links, HasSubstr(page.filename().string() + ")"));
}

// The page with mistakes in the fixture.
TEST(DocumentsTest, MistakesAreFound) {
  const std::filesystem::path page = kPages / "page.md";
  EXPECT_THAT(BrokenLinks(page), ElementsAre("there/none.txt"));
  EXPECT_THAT(MissingPaths(kFixture, page), ElementsAre("samples/there/{one,none}.txt"));
  EXPECT_THAT(MissingSources({kPages}, page), ElementsAre("none.inc"));
}

// --- includes ---

// The fixture: alpha/one → beta/two → gamma/three → alpha/one, and alpha/four ⇄ alpha/five.
TEST(IncludeGraphTest, FindsARingOfThreeFilePairsAndOneOfTwo) {
  EXPECT_THAT(Rings(ReadIncludes(kFixture / "src")), ElementsAre(ElementsAre("alpha/five", "alpha/four"),
                                                                 ElementsAre("alpha/one", "beta/two", "gamma/three")));
}

TEST(IncludeGraphTest, FindsARingOfFolders) {
  EXPECT_THAT(Rings(BetweenFolders(ReadIncludes(kFixture / "src"))),
              ElementsAre(ElementsAre("alpha", "beta", "gamma")));
}

// In the fixture includes are written from src.
TEST(IncludeGraphTest, FindsIncludesWithoutAFile) {
  EXPECT_THAT(MissingIncludes(kFixture, {"src"}), IsEmpty());
  EXPECT_THAT(MissingIncludes(kFixture, {}), Contains("src/alpha/one.h: beta/two.h"));
}

TEST(IncludeGraphTest, AChainIsNoRing) {
  EXPECT_THAT(Rings({{"a", {"b", "c"}}, {"b", {"c"}}, {"c", {"d"}}, {"d", {}}}), IsEmpty());
}

TEST(IncludeGraphTest, CountsLinesByFolderAndFindsLongFiles) {
  EXPECT_THAT(LinesOfFolders(kFixture / "src"), ElementsAre(Pair("alpha", 10), Pair("beta", 4), Pair("gamma", 3)));
  EXPECT_THAT(LongFiles(kFixture, 3), ElementsAre("src/alpha/four.h: 5"));
}

}  // namespace
}  // namespace skein::tree
