// Files that are missing, cut short, damaged or lie: an error that names the file, and a process that lives on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "tests/support/case_name.h"
#include "tests/support/host.h"

namespace skein::test {
namespace {

using ::testing::HasSubstr;

class LoadingErrorsTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() == "package") {
      const std::string package = path_ + ".whole";
      SKEIN_CALL(skein_model_convert, runtime_.get(), DataPath("v7-n16.pth").c_str(), package.c_str(), nullptr);
      bytes_ = ReadFile(package);
      std::filesystem::remove(package);
    } else {
      bytes_ = ReadFile(DataPath(GetParam()));
    }
  }
  void TearDown() override { std::filesystem::remove(path_); }

  // Loads `bytes` as a file; gives the status and checks the message.
  skein_status Load(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary) << bytes;
    skein_model model = nullptr;
    skein_error error = {};
    const skein_status status = skein_model_load(runtime_.get(), path_.c_str(), options_.get(), &model, &error);
    if (status == SKEIN_OK) {
      EXPECT_EQ(skein_model_release(model, nullptr), SKEIN_OK);
    } else {
      EXPECT_EQ(model, nullptr);
      EXPECT_THAT(error.message, HasSubstr(path_));
    }
    return status;
  }

  const OwnedRuntime runtime_ = MakeRuntime();
  const OwnedOptions options_ = MakeOptions(SKEIN_OPTIONS_MODEL, {{"device", "reference"}}, {{"max_batch_streams", 1}});
  // The extension stays: a reader may look at it.
  const std::string path_ =
      ::testing::TempDir() + "/broken." + std::to_string(getpid()) +
      (GetParam() == "package" ? ".skein" : std::filesystem::path(GetParam()).extension().string());
  std::string bytes_;
};

TEST_P(LoadingErrorsTest, WholeFileLoads) { EXPECT_EQ(Load(bytes_), SKEIN_OK); }

TEST_P(LoadingErrorsTest, TruncatedFileIsAnError) {
  for (size_t size = 0; size < bytes_.size(); size += bytes_.size() / 40 + 1) {
    EXPECT_NE(Load(bytes_.substr(0, size)), SKEIN_OK) << size << " of " << bytes_.size() << " bytes";
  }
  EXPECT_NE(Load(bytes_.substr(0, bytes_.size() - 1)), SKEIN_OK);
}

TEST_P(LoadingErrorsTest, FlippedBitsNeverCrash) {
  std::mt19937 random(5);
  for (int i = 0; i < 60; ++i) {
    std::string damaged = bytes_;
    // Half of them where the directory of most formats is.
    const size_t range = i % 2 == 0 ? std::min<size_t>(2000, damaged.size()) : damaged.size();
    damaged[random() % range] ^= static_cast<char>(1u << random() % 8);
    Load(damaged);
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, LoadingErrorsTest, ::testing::Values("v7-odd.safetensors", "v7-n16.pth", "package"),
                         [](const auto& parameter) { return CaseName(parameter.param); });

TEST(ModelFilesTest, MissingFileAndFolderAreNamed) {
  const OwnedRuntime runtime = MakeRuntime();
  skein_model model = nullptr;
  skein_error error = {};
  EXPECT_EQ(skein_model_load(runtime.get(), "/no/such/model.pth", nullptr, &model, &error), SKEIN_NOT_FOUND);
  EXPECT_THAT(error.message, HasSubstr("/no/such/model.pth"));
  const std::string folder = ::testing::TempDir() + "/empty." + std::to_string(getpid());
  std::filesystem::create_directory(folder);
  EXPECT_EQ(skein_model_load(runtime.get(), folder.c_str(), nullptr, &model, &error), SKEIN_NOT_FOUND);
  EXPECT_THAT(error.message, HasSubstr(folder + ": a folder without a model"));
  std::filesystem::remove(folder);
}

TEST(ModelFilesTest, TextFileIsNoModel) {
  const OwnedRuntime runtime = MakeRuntime();
  skein_model model = nullptr;
  skein_error error = {};
  EXPECT_EQ(skein_model_load(runtime.get(), DataPath("README.md").c_str(), nullptr, &model, &error),
            SKEIN_INVALID_ARGUMENT);
  EXPECT_THAT(error.message, HasSubstr("README.md"));
}

TEST(ModelFilesTest, DamagedDataIsFoundByVerify) {
  const OwnedRuntime runtime = MakeRuntime();
  const std::string path = ::testing::TempDir() + "/verify." + std::to_string(getpid()) + ".skein";
  SKEIN_CALL(skein_model_convert, runtime.get(), DataPath("v7-n16.pth").c_str(), path.c_str(), nullptr);
  const OwnedOptions verify = MakeOptions(SKEIN_OPTIONS_DESCRIBE, {}, {{"verify", 1}});
  uint64_t size = 0;
  SKEIN_CALL(skein_model_describe, runtime.get(), path.c_str(), verify.get(), nullptr, uint64_t{0}, &size);
  std::string bytes = ReadFile(path);
  bytes[bytes.size() - 100] ^= 1;
  std::ofstream(path, std::ios::binary) << bytes;
  skein_error error = {};
  EXPECT_EQ(skein_model_describe(runtime.get(), path.c_str(), verify.get(), nullptr, 0, &size, &error),
            SKEIN_DATA_LOSS);
  EXPECT_THAT(error.message, HasSubstr("checksum"));
  std::filesystem::remove(path);
}

TEST(ModelFilesTest, ConvertKeepsAnExistingFileUnlessTold) {
  const OwnedRuntime runtime = MakeRuntime();
  const std::string path = ::testing::TempDir() + "/exists." + std::to_string(getpid()) + ".skein";
  std::ofstream(path) << "precious";
  EXPECT_EQ(skein_model_convert(runtime.get(), DataPath("v7-n16.pth").c_str(), path.c_str(), nullptr, nullptr),
            SKEIN_ALREADY_EXISTS);
  EXPECT_EQ(ReadFile(path), "precious");
  const OwnedOptions overwrite = MakeOptions(SKEIN_OPTIONS_CONVERT, {}, {{"overwrite", 1}});
  SKEIN_CALL(skein_model_convert, runtime.get(), DataPath("v7-n16.pth").c_str(), path.c_str(), overwrite.get());
  EXPECT_NE(ReadFile(path), "precious");
  std::filesystem::remove(path);
}

TEST(ModelFilesTest, ReadInsteadOfMappedGivesTheSame) {
  const OwnedRuntime runtime = MakeRuntime();
  std::vector<float> logits[2];
  for (int64_t mmap = 0; mmap < 2; ++mmap) {
    OwnedModel model;
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_MODEL, {}, {{"mmap", mmap}});
    SKEIN_CALL(skein_model_load, runtime.get(), DataPath("v7-mixed.pth").c_str(), options.get(), model.out());
    const OwnedStream stream = MakeStream(model.get());
    logits[mmap] = AllLogits(model.get(), stream.get(), {1, 2, 3});
  }
  EXPECT_EQ(logits[0], logits[1]);
}

}  // namespace
}  // namespace skein::test
