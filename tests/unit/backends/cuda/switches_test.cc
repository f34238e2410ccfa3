#include "cuda/switches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace skein::cuda {
namespace {

class SwitchesTest : public testing::Test {
 protected:
  ~SwitchesTest() override { unsetenv("SKEIN_CUDA"); }
};

TEST_F(SwitchesTest, EachIsOffByDefault) {
  const Switches switches = ReadSwitches();
  EXPECT_FALSE(switches.graphs || switches.dependent_launch || switches.library || switches.library_graphs ||
               switches.sparse || switches.timed_products || switches.nibble_products || switches.split_sums ||
               switches.split_logits || switches.rounded_rows || switches.wide_tiles || switches.chunked_wkv ||
               switches.persistent || switches.async_states);
  EXPECT_EQ(SwitchWarning(), "");
}

TEST_F(SwitchesTest, NamesTurnThemOn) {
  setenv("SKEIN_CUDA", "sparse,,graphs", 1);
  const Switches switches = ReadSwitches();
  EXPECT_TRUE(switches.graphs && switches.sparse);
  EXPECT_FALSE(switches.dependent_launch || switches.async_states);
  EXPECT_EQ(SwitchWarning(), "");
}

TEST_F(SwitchesTest, OtherNamesAreWarnedOf) {
  setenv("SKEIN_CUDA", "graph,dependent_launch,Sparse", 1);
  EXPECT_TRUE(ReadSwitches().dependent_launch);
  EXPECT_FALSE(ReadSwitches().graphs || ReadSwitches().sparse);
  EXPECT_THAT(SwitchWarning(), testing::AllOf(testing::HasSubstr("SKEIN_CUDA"), testing::HasSubstr("\"graph,Sparse\""),
                                              testing::HasSubstr("async_states")));
}

}  // namespace
}  // namespace skein::cuda
