// Plugins as a host meets them: found, missing, refused, one backend without the other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/support/host.h"

namespace skein::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

OwnedRuntime EmptyRuntime() {
  OwnedRuntime runtime;
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_RUNTIME, {}, {{"search", 0}});
  skein_error error = {};
  EXPECT_TRUE(Ok(skein_runtime_create(options.get(), runtime.out(), &error), error));
  return runtime;
}

std::string PluginPath(const std::string& name) { return std::string(SKEIN_PLUGIN_DIR) + "/" + name + ".so"; }

TEST(PluginsTest, BestDeviceComesFirst) {
  const OwnedRuntime runtime = MakeRuntime();
  EXPECT_THAT(DeviceNames(runtime.get()), ElementsAre("cpu", "reference"));
}

TEST(PluginsTest, EachBackendWorksWithoutTheOther) {
  for (const char* backend : {"backend-onednn", "backend-reference"}) {
    const OwnedRuntime runtime = EmptyRuntime();
    SKEIN_CALL(skein_runtime_load_plugin, runtime.get(), PluginPath(backend).c_str());
    SKEIN_CALL(skein_runtime_load_plugin, runtime.get(), PluginPath("format-safetensors").c_str());
    EXPECT_EQ(DeviceNames(runtime.get()).size(), 1u);
    const OwnedModel model = LoadModel(runtime.get(), DataPath("v7-odd.safetensors"), "");
    const OwnedStream stream = MakeStream(model.get());
    EXPECT_EQ(AllLogits(model.get(), stream.get(), {1, 2}).size(), 2u * 77);
  }
}

TEST(PluginsTest, WithoutABackendLoadingSaysSo) {
  const OwnedRuntime runtime = EmptyRuntime();
  SKEIN_CALL(skein_runtime_load_plugin, runtime.get(), PluginPath("format-safetensors").c_str());
  skein_model model = nullptr;
  skein_error error = {};
  EXPECT_EQ(skein_model_load(runtime.get(), DataPath("v7-odd.safetensors").c_str(), nullptr, &model, &error),
            SKEIN_NOT_FOUND);
  EXPECT_THAT(error.message, HasSubstr("no backend plugin is loaded"));
}

TEST(PluginsTest, WithoutTheFormatLoadingNamesThoseThereAre) {
  const OwnedRuntime runtime = EmptyRuntime();
  SKEIN_CALL(skein_runtime_load_plugin, runtime.get(), PluginPath("backend-reference").c_str());
  SKEIN_CALL(skein_runtime_load_plugin, runtime.get(), PluginPath("format-pth").c_str());
  skein_model model = nullptr;
  skein_error error = {};
  EXPECT_EQ(skein_model_load(runtime.get(), DataPath("v7-odd.safetensors").c_str(), nullptr, &model, &error),
            SKEIN_INVALID_ARGUMENT);
  EXPECT_THAT(error.message, HasSubstr("pth"));
}

TEST(PluginsTest, UnknownDeviceNamesThoseThereAre) {
  const OwnedRuntime runtime = MakeRuntime();
  skein_model model = nullptr;
  skein_error error = {};
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_MODEL, {{"device", "abacus"}});
  EXPECT_EQ(skein_model_load(runtime.get(), DataPath("v7-odd.safetensors").c_str(), options.get(), &model, &error),
            SKEIN_NOT_FOUND);
  EXPECT_THAT(error.message, HasSubstr("abacus"));
  EXPECT_THAT(error.message, HasSubstr("reference"));
}

TEST(PluginsTest, RefusedFileHasARecordWithItsReasonAndTheRestGoesOn) {
  const OwnedRuntime runtime = EmptyRuntime();
  const std::string path = ::testing::TempDir() + "/text." + std::to_string(getpid()) + ".so";
  std::ofstream(path) << "no shared object\n";
  EXPECT_EQ(skein_runtime_load_plugin(runtime.get(), path.c_str(), nullptr), SKEIN_FAILED_PRECONDITION);
  EXPECT_EQ(skein_runtime_load_plugin(runtime.get(), "/no/such.so", nullptr), SKEIN_NOT_FOUND);
  SKEIN_CALL(skein_runtime_load_plugin, runtime.get(), PluginPath("backend-reference").c_str());
  uint32_t count = 0;
  SKEIN_CALL(skein_runtime_plugin_count, runtime.get(), &count);
  ASSERT_EQ(count, 3u);
  skein_plugin_info info = {};
  info.struct_size = sizeof(info);
  SKEIN_CALL(skein_runtime_plugin_info, runtime.get(), 0, &info);
  EXPECT_EQ(info.loaded, 0u);
  EXPECT_EQ(info.path, path);
  EXPECT_THAT(info.reason, HasSubstr("expected a shared object"));
  SKEIN_CALL(skein_runtime_plugin_info, runtime.get(), 2, &info);
  EXPECT_EQ(info.loaded, 1u);
  EXPECT_STREQ(info.id, "reference");
  std::filesystem::remove(path);
}

TEST(PluginsTest, RelativePluginPathIsSkippedWithAWarning) {
  OwnedRuntime runtime;
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_RUNTIME, {{"plugin_path", "."}});
  SKEIN_CALL(skein_runtime_create, options.get(), runtime.out());
  char line[512];
  uint64_t size = 0;
  uint32_t severity = 0;
  SKEIN_CALL(skein_runtime_poll_log, runtime.get(), line, sizeof(line), &size, &severity);
  EXPECT_EQ(severity, uint32_t{SKEIN_LOG_WARNING});
  EXPECT_THAT(line, HasSubstr("expected an absolute path"));
}

TEST(PluginsTest, AnUnknownTypeIsRefusedWithTheTypesThereAre) {
  const OwnedRuntime runtime = MakeRuntime();
  skein_model model = nullptr;
  skein_error error = {};
  const OwnedOptions unknown = MakeOptions(SKEIN_OPTIONS_MODEL, {{"type", "f7"}});
  EXPECT_EQ(skein_model_load(runtime.get(), DataPath("v7-odd.safetensors").c_str(), unknown.get(), &model, &error),
            SKEIN_INVALID_ARGUMENT);
  EXPECT_THAT(error.message, HasSubstr("expected one of auto, f32, f16, bf16"));
}

TEST(PluginsTest, TwoRuntimesShareNothing) {
  const OwnedRuntime with = MakeRuntime();
  const OwnedRuntime without = EmptyRuntime();
  EXPECT_FALSE(DeviceNames(with.get()).empty());
  EXPECT_TRUE(DeviceNames(without.get()).empty());
}

}  // namespace
}  // namespace skein::test
