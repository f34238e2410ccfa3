#include "plugin/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

namespace skein {
namespace {

using ::testing::HasSubstr;

std::string Misfit(int number) { return std::string(SKEIN_MISFITS) + "/misfit-" + std::to_string(number) + ".so"; }

class RefusalTest : public ::testing::TestWithParam<std::pair<int, const char*>> {};

TEST_P(RefusalTest, NamesTheReasonAndKeepsARecord) {
  PluginRegistry registry;
  const absl::Status status = registry.LoadFile(Misfit(GetParam().first));
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().second));
  EXPECT_THAT(std::string(status.message()), HasSubstr(Misfit(GetParam().first)));
  ASSERT_EQ(registry.records().size(), 1u);
  EXPECT_EQ(registry.records()[0].table, nullptr);
  EXPECT_EQ(registry.records()[0].reason, status.message());
  EXPECT_TRUE(registry.backends().empty());
}

INSTANTIATE_TEST_SUITE_P(Misfits, RefusalTest,
                         ::testing::Values(std::pair(1, "speaks plugin ABI 8; expected 1 to 1"),
                                           std::pair(2, "table has 40 bytes; expected at least"),
                                           std::pair(3, "does not offer device_count"),
                                           std::pair(4, "needs a machine with two moons"),
                                           std::pair(5, "its id is missing or not made of"),
                                           std::pair(6, "without skein_plugin_entry"), std::pair(7, "its kind is 99"),
                                           std::pair(8, "declares 4294967295 threads of its own; expected at most"),
                                           std::pair(9, "offers 1 of fence_done, fence_wait and fence_release"),
                                           std::pair(10, "declined to load: xxx"),
                                           std::pair(11, "offers state_export_begin; expected fence_done"),
                                           std::pair(12, "offers state_import_begin; expected fence_done")));

TEST(PluginRegistryTest, MissingFileIsNotFound) {
  PluginRegistry registry;
  const absl::Status status = registry.LoadFile("/no/such/plugin.so");
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("/no/such/plugin.so"));
}

TEST(PluginRegistryTest, TextFileIsRefused) {
  const std::string path = ::testing::TempDir() + "/text.so";
  std::ofstream(path) << "This is no shared object.\n";
  PluginRegistry registry;
  const absl::Status status = registry.LoadFile(path);
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr(path));
  std::filesystem::remove(path);
}

TEST(PluginRegistryTest, MissingFolderIsNoPlugins) {
  PluginRegistry registry;
  registry.LoadFolder("/no/such/folder");
  EXPECT_TRUE(registry.records().empty());
}

TEST(PluginRegistryTest, FolderOfTheBuildHasTheReferenceBackendAndARefusalHarmsNobody) {
  PluginRegistry registry;
  registry.LoadFolder(SKEIN_MISFITS);
  registry.LoadFolder(SKEIN_PLUGIN_DIR);
  std::vector<std::string> ids;
  for (const auto& backend : registry.backends()) ids.push_back(backend.id);
  EXPECT_THAT(ids, ::testing::Contains("reference"));
  EXPECT_FALSE(registry.formats().empty());
  EXPECT_FALSE(registry.tokenizers().empty());
}

TEST(PluginRegistryTest, AFileThatIsRefusedAgainAndAgainHasOneRecord) {
  const std::string path = ::testing::TempDir() + "/again." + std::to_string(getpid()) + ".so";
  std::ofstream(path) << "Not yet.\n";
  PluginRegistry registry;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_FALSE(registry.LoadFile(path).ok());
    EXPECT_FALSE(registry.LoadFile("/no/such/plugin.so").ok());
    EXPECT_FALSE(registry.LoadFile(Misfit(4)).ok());
  }
  EXPECT_EQ(registry.records().size(), 3u);
  // Once the file is right, its record says so.
  std::filesystem::copy_file(std::string(SKEIN_PLUGIN_DIR) + "/tokenizer-bytes.so", path,
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_TRUE(registry.LoadFile(path).ok());
  ASSERT_EQ(registry.records().size(), 3u);
  EXPECT_EQ(registry.records()[0].reason, "");
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(absl::IsAlreadyExists(registry.LoadFile(path)));
  EXPECT_EQ(registry.records().size(), 4u);
  EXPECT_EQ(registry.tokenizers().size(), 1u);
  std::filesystem::remove(path);
}

TEST(PluginRegistryTest, OnlyASecondPluginOfAnIdIsNoDefect) {
  PluginRegistry registry;
  const std::string path = std::string(SKEIN_PLUGIN_DIR) + "/backend-reference.so";
  registry.LoadFile(path).IgnoreError();
  registry.LoadFile(path).IgnoreError();
  registry.LoadFile(Misfit(2)).IgnoreError();
  ASSERT_EQ(registry.records().size(), 3u);
  EXPECT_TRUE(registry.records()[1].is_duplicate);
  EXPECT_FALSE(registry.records()[2].is_duplicate);
}

TEST(PluginRegistryTest, SecondPluginOfAnIdIsRefused) {
  PluginRegistry registry;
  const std::string path = std::string(SKEIN_PLUGIN_DIR) + "/backend-reference.so";
  ASSERT_TRUE(registry.LoadFile(path).ok());
  const absl::Status again = registry.LoadFile(path);
  EXPECT_TRUE(absl::IsAlreadyExists(again)) << again;
  EXPECT_EQ(registry.backends().size(), 1u);
}

}  // namespace
}  // namespace skein
