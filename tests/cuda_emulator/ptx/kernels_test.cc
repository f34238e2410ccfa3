// The backend's kernels, as nvcc compiles them: everything in them is known.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "lexer.h"
#include "library.h"

namespace skein::emulator::ptx {
namespace {

class PtxKernelsTest : public ::testing::TestWithParam<int> {};

TEST_P(PtxKernelsTest, EveryKernelIsKnownWholly) {
  Library library(SKEIN_PTX_LIST, GetParam());
  size_t num_instructions = 0;
  for (const std::string& name : library.Names()) {
    num_instructions += library.Find(name).code.size();
    EXPECT_NE(library.Find(name).file.find("_" + std::to_string(GetParam()) + ".dir"), std::string::npos) << name;
  }
  EXPECT_GT(library.Names().size(), 80u);
  EXPECT_GT(num_instructions, 100000u);
}

INSTANTIATE_TEST_SUITE_P(Capabilities, PtxKernelsTest, ::testing::Values(75, 80, 90, 120));

TEST(PtxLibraryTest, SomeProductsAndSumsMayBecomeOne) {
  Library library(SKEIN_PTX_LIST, 90, Products::kFused);
  size_t num_fused = 0;
  for (const std::string& name : library.Names()) num_fused += library.Find(name).num_fused;
  EXPECT_GT(num_fused, 100u);
}

TEST(PtxLibraryTest, AProcessorRunsThePtxOfTheNearestBelowIt) {
  Library library(SKEIN_PTX_LIST, 89);
  const std::string name = library.Names().at(0);
  EXPECT_NE(library.Find(name).file.find("skein_ptx_80.dir"), std::string::npos);
}

TEST(PtxLibraryTest, AKernelThatTwoFilesHaveIsRefused) {
  const std::string list = ::testing::TempDir() + "/twice.list";
  std::ifstream paths(SKEIN_PTX_LIST);
  std::string first;
  ASSERT_TRUE(std::getline(paths, first));
  std::ofstream(list) << first << "\n" << first << "\n";
  Library library(list, 120);
  const std::string name = library.Names().at(0);
  EXPECT_THAT([&] { library.Find(name); },
              ::testing::ThrowsMessage<LoadError>(::testing::HasSubstr("expected one kernel of this name")));
  EXPECT_THAT([&] { library.Find("void nobody()"); },
              ::testing::ThrowsMessage<LoadError>(::testing::HasSubstr("no kernel void nobody()")));
}

}  // namespace
}  // namespace skein::emulator::ptx
