// Packages through the C ABI: whatever the layout, a package is the model that it was made from, bit for bit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/case_name.h"
#include "tests/support/host.h"

namespace skein::test {
namespace {

using ::testing::HasSubstr;

// A file of the test's own, which goes with it.
class TempPackage {
 public:
  explicit TempPackage(const std::string& name)
      : path_(::testing::TempDir() + "/skein_" + std::to_string(getpid()) + "_" + name + ".skein") {}
  ~TempPackage() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

void Convert(const OwnedRuntime& runtime, const std::string& from, const std::string& to, const std::string& type,
             const std::string& layout) {
  const OwnedOptions options =
      MakeOptions(SKEIN_OPTIONS_CONVERT, {{"type", type}, {"layout", layout}}, {{"overwrite", 1}});
  SKEIN_CALL(skein_model_convert, runtime.get(), from.c_str(), to.c_str(), options.get());
}

std::vector<float> LogitsOf(const OwnedModel& model) {
  if (model.get() == nullptr) return {};
  const OwnedStream stream = MakeStream(model.get());
  std::vector<uint32_t> tokens;
  for (uint32_t i = 0; i < 40; ++i) tokens.push_back(i * 7 % InfoOf(model.get()).vocab_size);
  std::vector<float> logits = AllLogits(model.get(), stream.get(), tokens);
  const std::vector<float> last = AllLogits(model.get(), stream.get(), {1});  // a step of one row
  logits.insert(logits.end(), last.begin(), last.end());
  return logits;
}

class PackageLayoutsTest : public ::testing::TestWithParam<const char*> {
 protected:
  std::string Path() const { return DataPath(GetParam()); }
  std::vector<float> Logits(const std::string& path, const std::string& device, const std::string& type) const {
    return LogitsOf(LoadModel(runtime_.get(), path, device, type));
  }

  const OwnedRuntime runtime_ = MakeRuntime();
};

TEST_P(PackageLayoutsTest, RowsPanelsAndCheckpointGiveTheSameLogits) {
  for (const std::string type : {"auto", "f32", "f16", "bf16", "q8", "q4"}) {
    SCOPED_TRACE(type);
    const TempPackage rows("rows");
    const TempPackage panels("panels");
    Convert(runtime_, Path(), rows.path(), type, "rows");
    Convert(runtime_, Path(), panels.path(), type, "panels");
    for (const std::string device : {"cpu", "reference"}) {
      SCOPED_TRACE(device);
      const std::vector<float> expected = Logits(Path(), device, type);
      ASSERT_FALSE(expected.empty());
      EXPECT_EQ(Logits(rows.path(), device, type), expected);
      EXPECT_EQ(Logits(panels.path(), device, type), expected);
    }
  }
}

TEST_P(PackageLayoutsTest, PanelsLoadedAsAnotherTypeGiveWhatRowsGive) {
  for (const std::string stored : {"auto", "f16", "bf16", "q8"}) {
    const TempPackage rows("rows");
    const TempPackage panels("panels");
    Convert(runtime_, Path(), rows.path(), stored, "rows");
    Convert(runtime_, Path(), panels.path(), stored, "panels");
    for (const std::string type : {"f32", "bf16", "q4"}) {
      EXPECT_EQ(Logits(panels.path(), "cpu", type), Logits(rows.path(), "cpu", type)) << stored << " as " << type;
    }
  }
}

TEST_P(PackageLayoutsTest, DevicesThatTakeRowsAndDevicesThatTakePanelsShareAModel) {
  const TempPackage rows("rows");
  const TempPackage panels("panels");
  for (const std::string type : {"auto", "q8"}) {
    Convert(runtime_, Path(), rows.path(), type, "rows");
    Convert(runtime_, Path(), panels.path(), type, "panels");
    const std::string last = std::to_string(InfoOf(LoadModel(runtime_.get(), Path(), "cpu").get()).num_layers - 1);
    const std::string split = "cpu=0,reference=1" + (last == "1" ? "" : "-" + last);
    const std::vector<float> expected = Logits(rows.path(), split, type);
    ASSERT_FALSE(expected.empty());
    EXPECT_EQ(Logits(panels.path(), split, type), expected) << type;
  }
}

TEST_P(PackageLayoutsTest, PanelsThatAreReadInsteadOfMappedGiveTheSame) {
  const TempPackage panels("panels");
  for (const std::string type : {"auto", "bf16", "q4"}) {
    Convert(runtime_, Path(), panels.path(), type, "panels");
    OwnedModel model;
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_MODEL, {{"device", "cpu"}, {"type", type}}, {{"mmap", 0}});
    SKEIN_CALL(skein_model_load, runtime_.get(), panels.path().c_str(), options.get(), model.out());
    EXPECT_EQ(LogitsOf(model), Logits(panels.path(), "cpu", type)) << type;
  }
}

INSTANTIATE_TEST_SUITE_P(Versions, PackageLayoutsTest,
                         ::testing::Values("v4-mixed.pth", "v5.2-mixed.pth", "v6-n32.pth", "v7-mixed.pth",
                                           "v7-odd.safetensors"),
                         [](const auto& parameter) {
                           const std::string name = parameter.param;
                           return CaseName(name.substr(0, name.rfind('.')));
                         });

TEST(PackageTest, APackageOfPanelsVerifiesAndSaysItsLayout) {
  const OwnedRuntime runtime = MakeRuntime();
  const TempPackage panels("panels");
  Convert(runtime, DataPath("v7-mixed.pth"), panels.path(), "q8", "panels");
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_DESCRIBE, {{"format", "json"}}, {{"verify", 1}});
  uint64_t size = 0;
  SKEIN_CALL(skein_model_describe, runtime.get(), panels.path().c_str(), options.get(), nullptr, uint64_t{0}, &size);
  std::string text(size, '\0');
  SKEIN_CALL(skein_model_describe, runtime.get(), panels.path().c_str(), options.get(), text.data(), size, &size);
  EXPECT_THAT(text, HasSubstr(R"("layout": "panels")"));
}

TEST(PackageTest, AdaptersAreMergedIntoPanelsAsIntoTheCheckpoint) {
  const OwnedRuntime runtime = MakeRuntime();
  const TempPackage panels("panels");
  Convert(runtime, DataPath("v7-n16.pth"), panels.path(), "auto", "panels");
  std::vector<std::vector<float>> logits;
  for (const std::string& path : {DataPath("v7-n16.pth"), panels.path()}) {
    OwnedModel model;
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_MODEL, {{"lora", DataPath("v7-n16.lora.pth") + ":2"}});
    SKEIN_CALL(skein_model_load, runtime.get(), path.c_str(), options.get(), model.out());
    logits.push_back(LogitsOf(model));
  }
  ASSERT_FALSE(logits[0].empty());
  EXPECT_EQ(logits[0], logits[1]);
  EXPECT_NE(logits[0], LogitsOf(LoadModel(runtime.get(), panels.path(), "")));
}

TEST(PackageTest, AnUnknownLayoutIsRefusedByName) {
  const OwnedRuntime runtime = MakeRuntime();
  const TempPackage package("tiles");
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_CONVERT, {{"layout", "tiles"}});
  skein_error error = {};
  EXPECT_EQ(
      skein_model_convert(runtime.get(), DataPath("v7-n16.pth").c_str(), package.path().c_str(), options.get(), &error),
      SKEIN_INVALID_ARGUMENT);
  EXPECT_THAT(error.message, HasSubstr("layout \"tiles\"; expected panels or rows"));
  EXPECT_FALSE(std::filesystem::exists(package.path()));
}

}  // namespace
}  // namespace skein::test
