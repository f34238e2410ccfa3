// The backend's kernels, as nvcc compiles them: everything in them is known.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

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

// The operation of a line, behind its predicate.
std::string_view OperationOf(std::string_view line) {
  const auto skip = [&](std::string_view characters) {
    line.remove_prefix(std::min(line.find_first_not_of(characters), line.size()));
  };
  skip(" \t");
  if (line.starts_with('@')) {
    line.remove_prefix(std::min(line.find_first_of(" \t"), line.size()));
    skip(" \t");
  }
  return line.substr(0, line.find_first_of(" \t;"));
}

bool WritesDeviceMemory(std::string_view operation) {
  if (operation.starts_with("atom.") || operation.starts_with("red.")) return true;
  // Generic addresses may be of any memory.
  return operation.starts_with("st.") && !operation.starts_with("st.shared") && !operation.starts_with("st.local") &&
         !operation.starts_with("st.param");
}

// What of a kernel's text breaks the rules of dependent launch; "" if nothing does. Real kernels overlap, and the
// emulator's do not.
std::string DependencyFaultOf(const std::string& text) {
  bool has_waited = false;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::string_view operation = OperationOf(line);
    if (operation == "griddepcontrol.wait") has_waited = true;
    if (operation == "griddepcontrol.launch_dependents" && !has_waited) {
      return "the next kernel may start before the one before has ended";
    }
    if (WritesDeviceMemory(operation) && !has_waited) return std::string(operation) + " before the wait";
    // The compiler takes it for a load of what nobody ever writes, and moves it over the wait in either direction.
    if (operation.starts_with("ld.global.nc")) return std::string(operation);
  }
  // What follows would wait for this kernel alone, and this kernel for nobody.
  return has_waited ? "" : "it does not wait";
}

// The texts of the kernels of a file, each from its name on.
std::vector<std::string> KernelTextsOf(const std::string& path) {
  std::ostringstream all;
  all << std::ifstream(path).rdbuf();
  const std::string text = all.str();
  std::vector<std::string> kernels;
  for (size_t at = text.find(".entry "); at != std::string::npos;) {
    const size_t next = text.find(".entry ", at + 1);
    kernels.push_back(text.substr(at, next == std::string::npos ? next : next - at));
    at = next;
  }
  return kernels;
}

TEST(PtxDependentLaunchTest, EveryKernelWaitsBeforeItWritesOrLetsTheNextOneStart) {
  std::ifstream paths(SKEIN_PTX_LIST);
  size_t num_kernels = 0;
  for (std::string path; std::getline(paths, path);) {
    const bool has_dependencies =
        path.find("_90.dir") != std::string::npos || path.find("_120.dir") != std::string::npos;
    if (!has_dependencies || path.find("producer") != std::string::npos) continue;  // which is a test's own
    if (path.find("persistent_step") != std::string::npos) continue;  // whose blocks wait for each other: none is early
    for (const std::string& kernel : KernelTextsOf(path)) {
      EXPECT_EQ(DependencyFaultOf(kernel), "") << path << ": " << kernel.substr(0, kernel.find('('));
      ++num_kernels;
    }
  }
  EXPECT_GT(num_kernels, 160u);
}

TEST(PtxDependentLaunchTest, AFaultIsSeen) {
  const std::string wait = "\tgriddepcontrol.wait;\n", release = "\tgriddepcontrol.launch_dependents;\n";
  const std::string store = "\t@%p1 st.global.f32 \t[%rd1], %f1;\n", load = "\tld.global.nc.f32 \t%f1, [%rd1];\n";
  EXPECT_EQ(DependencyFaultOf("\tst.shared.f32 [%r1], %f1;\n" + wait + release + store), "");
  EXPECT_EQ(DependencyFaultOf("\tld.global.f32 %f1, [%rd1];\n"), "it does not wait");
  EXPECT_EQ(DependencyFaultOf(release + wait), "the next kernel may start before the one before has ended");
  EXPECT_EQ(DependencyFaultOf(store + wait + release), "st.global.f32 before the wait");
  EXPECT_EQ(DependencyFaultOf("\tst.v4.f32 [%rd1], {%f1, %f2, %f3, %f4};\n" + wait), "st.v4.f32 before the wait");
  EXPECT_EQ(DependencyFaultOf("\tatom.global.add.u32 %r1, [%rd1], 1;\n" + wait), "atom.global.add.u32 before the wait");
  EXPECT_EQ(DependencyFaultOf(wait + release + load + store), "ld.global.nc.f32");
}

}  // namespace
}  // namespace skein::emulator::ptx
