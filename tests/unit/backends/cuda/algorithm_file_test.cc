#include "cuda/algorithm_file.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace skein::cuda {
namespace {

constexpr ProductShape kShape = {.weight_type = 1, .num_outputs = 2048, .num_inputs = 768, .num_rows = 64};

Algorithms TwoAlgorithms() {
  return {{kShape, {1, 2, 3, 4, 5, 6, 7, 0xFFFFFFFFFFFFFFFFu}}, {{2, 7, 5, 128}, {0, 0, 0, 0, 0, 0, 0, 9}}};
}

class AlgorithmFileTest : public testing::Test {
 protected:
  AlgorithmFileTest() { std::filesystem::remove_all(folder_); }
  ~AlgorithmFileTest() override { std::filesystem::remove_all(folder_); }

  const std::string folder_ =
      testing::TempDir() + "algorithm_file_test_" + testing::UnitTest::GetInstance()->current_test_info()->name();
  const std::string path_ = folder_ + "/new/file.txt";
};

std::string TextOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST_F(AlgorithmFileTest, WhatIsFormattedIsParsed) {
  EXPECT_EQ(ParseAlgorithms(FormatAlgorithms(TwoAlgorithms())), TwoAlgorithms());
  EXPECT_EQ(ParseAlgorithms(FormatAlgorithms({})), Algorithms());
}

TEST_F(AlgorithmFileTest, EveryDamagedByteIsSeen) {
  const std::string text = FormatAlgorithms(TwoAlgorithms());
  for (size_t i = 0; i < text.size(); ++i) {
    std::string damaged = text;
    damaged[i] = damaged[i] == '7' ? '8' : '7';
    EXPECT_EQ(ParseAlgorithms(damaged), std::nullopt) << "byte " << i;
  }
}

TEST_F(AlgorithmFileTest, ATornTextIsSeen) {
  const std::string text = FormatAlgorithms(TwoAlgorithms());
  for (size_t length = 0; length < text.size(); ++length) {
    EXPECT_EQ(ParseAlgorithms(text.substr(0, length)), std::nullopt) << "length " << length;
  }
  EXPECT_EQ(ParseAlgorithms(text + "\n"), std::nullopt);
}

TEST_F(AlgorithmFileTest, AMissingFileHasNothing) { EXPECT_EQ(ReadAlgorithmFile(path_), Algorithms()); }

TEST_F(AlgorithmFileTest, AFolderInItsPlaceHasNothing) {
  std::filesystem::create_directories(path_);
  EXPECT_EQ(ReadAlgorithmFile(path_), Algorithms());
  EXPECT_FALSE(AddToAlgorithmFile(path_, TwoAlgorithms()));
}

TEST_F(AlgorithmFileTest, WhatIsAddedIsRead) {
  ASSERT_TRUE(AddToAlgorithmFile(path_, TwoAlgorithms()));
  EXPECT_EQ(ReadAlgorithmFile(path_), TwoAlgorithms());
}

TEST_F(AlgorithmFileTest, AddingKeepsTheOthersAndReplacesTheSame) {
  ASSERT_TRUE(AddToAlgorithmFile(path_, TwoAlgorithms()));
  const Algorithm other = {9, 9, 9, 9, 9, 9, 9, 9};
  ASSERT_TRUE(AddToAlgorithmFile(path_, {{kShape, other}}));
  Algorithms want = TwoAlgorithms();
  want[kShape] = other;
  EXPECT_EQ(ReadAlgorithmFile(path_), want);
}

TEST_F(AlgorithmFileTest, ADamagedFileIsWrittenAnew) {
  ASSERT_TRUE(AddToAlgorithmFile(path_, TwoAlgorithms()));
  std::ofstream(path_, std::ios::app) << "1 2 3\n";
  EXPECT_EQ(ReadAlgorithmFile(path_), Algorithms());
  ASSERT_TRUE(AddToAlgorithmFile(path_, TwoAlgorithms()));
  EXPECT_EQ(TextOf(path_), FormatAlgorithms(TwoAlgorithms()));
}

TEST_F(AlgorithmFileTest, NothingIsLeftBesideTheFile) {
  ASSERT_TRUE(AddToAlgorithmFile(path_, TwoAlgorithms()));
  size_t num_files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_ + "/new")) ++num_files;
  EXPECT_EQ(num_files, 1u);
}

TEST_F(AlgorithmFileTest, WithoutAPathNothingIsWritten) { EXPECT_FALSE(AddToAlgorithmFile("", TwoAlgorithms())); }

TEST_F(AlgorithmFileTest, ThePathNamesCardAndVersion) {
  setenv("XDG_CACHE_HOME", "/cache", 1);
  EXPECT_EQ(AlgorithmFilePath("NVIDIA H200/1", 130002), "/cache/skein/cublaslt-NVIDIA-H200-1-130002.txt");
}

TEST_F(AlgorithmFileTest, WithoutACacheFolderItIsThatOfTheHome) {
  setenv("HOME", "/home/someone", 1);
  setenv("XDG_CACHE_HOME", "relative", 1);
  EXPECT_EQ(AlgorithmFilePath("a", 1), "/home/someone/.cache/skein/cublaslt-a-1.txt");
  unsetenv("XDG_CACHE_HOME");
  EXPECT_EQ(AlgorithmFilePath("a", 1), "/home/someone/.cache/skein/cublaslt-a-1.txt");
  unsetenv("HOME");
  EXPECT_EQ(AlgorithmFilePath("a", 1), "");
}

}  // namespace
}  // namespace skein::cuda
