#include "tests/cli/tool_expectations.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace skein {

using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

std::string DemoModel() {
  const char* from_environment = std::getenv("SKEIN_DEMO_MODEL");
  return from_environment != nullptr ? from_environment : SKEIN_DEMO_MODEL;
}

void CliModelTest::SetUp() { ASSERT_TRUE(std::filesystem::exists(model_)) << "no model " << model_; }

std::vector<float> Floats(const std::string& bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

std::string DataPath(const std::string& name) { return std::string(SKEIN_TESTS_DIR) + "/data/" + name; }

std::string ReadData(const std::string& name) {
  std::ifstream file(DataPath(name), std::ios::binary);
  EXPECT_TRUE(file.good()) << name;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string ReadIds(const std::string& name) {
  std::string text;
  for (const uint32_t id : json::parse(ReadData(name)).get<std::vector<uint32_t>>()) {
    text.append(text.empty() ? "" : ",").append(std::to_string(id));
  }
  return text;
}

float LargestDifference(const std::vector<float>& a, const std::vector<float>& b) {
  float largest = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

void ExpectUsageError(const ToolResult& result, const std::string& message) {
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_THAT(result.err, StartsWith("skein: "));
  EXPECT_THAT(result.err, HasSubstr(message));
}

void ExpectFailure(const ToolResult& result, const std::string& message) {
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, StartsWith("skein: "));
  EXPECT_THAT(result.err, HasSubstr(message));
}

}  // namespace skein
