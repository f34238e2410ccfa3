// The common part of the tests of the tool: files, numbers, and the two ways in which a command can fail.
#ifndef SKEIN_TESTS_CLI_TOOL_EXPECTATIONS_H_
#define SKEIN_TESTS_CLI_TOOL_EXPECTATIONS_H_

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/cli/tool_process.h"

namespace skein {

std::string DemoModel();

// Tests of this fixture need a model, a small one with a tokenizer.
class CliModelTest : public testing::Test {
 protected:
  void SetUp() override;

  const std::string model_ = DemoModel();
};

// Raw float32, as the tool writes it.
std::vector<float> Floats(const std::string& bytes);
float LargestDifference(const std::vector<float>& a, const std::vector<float>& b);

// A file of tests/data, and its content.
std::string DataPath(const std::string& name);
std::string ReadData(const std::string& name);
// A stored JSON array of ids as the option --tokens takes them.
std::string ReadIds(const std::string& name);

// Exit code 2, and a message on stderr.
void ExpectUsageError(const ToolResult& result, const std::string& message);
// Exit code 1, and a message on stderr.
void ExpectFailure(const ToolResult& result, const std::string& message);

}  // namespace skein

#endif  // SKEIN_TESTS_CLI_TOOL_EXPECTATIONS_H_
