#include "host/processor.h"

#include <gtest/gtest.h>

#include <string>

namespace skein::kit {
namespace {

std::string Core(const std::string& implementer, const std::string& part) {
  return "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd\nCPU implementer\t: " + implementer +
         "\nCPU architecture: 8\nCPU variant\t: 0x3\nCPU part\t: " + part + "\nCPU revision\t: 1\n\n";
}

TEST(ProcessorTest, ArmCoresHaveTheNamesOfTheirMakers) {
  EXPECT_EQ(ArmProcessorName(Core("0x41", "0xd0c")), "Neoverse-N1");
  EXPECT_EQ(ArmProcessorName(Core("0x41", "0xd4f") + Core("0x41", "0xd4f")), "Neoverse-V2");
  EXPECT_EQ(ArmProcessorName(Core("0x46", "0x001")), "Fujitsu A64FX");
}

TEST(ProcessorTest, CoresThatDifferAreAllNamed) {
  EXPECT_EQ(ArmProcessorName(Core("0x41", "0xd05") + Core("0x41", "0xd05") + Core("0x41", "0xd0b")),
            "Cortex-A55 and Cortex-A76");
}

TEST(ProcessorTest, AnUnknownCoreIsNamedByItsNumbers) {
  EXPECT_EQ(ArmProcessorName(Core("0x99", "0xabc")), "arm64 processor of implementer 0x99, part 0xabc");
}

TEST(ProcessorTest, ATextWithoutCoresGivesNoName) {
  for (const char* text : {"", "\n\n", "CPU part", "CPU parts\t: 0xd0c\n", "CPU implementer\t: 0x41\n"}) {
    EXPECT_EQ(ArmProcessorName(text), "") << text;
  }
}

TEST(ProcessorTest, ThisProcessorHasATidyName) {
  const std::string name = ProcessorName();
  ASSERT_FALSE(name.empty());
  EXPECT_NE(name.front(), ' ');
  EXPECT_NE(name.back(), ' ');
  EXPECT_EQ(name.find("  "), std::string::npos);
}

}  // namespace
}  // namespace skein::kit
