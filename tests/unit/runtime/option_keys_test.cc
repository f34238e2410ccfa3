// The listing of the options against the public headers: the comment above a function that takes options describes each
// key in a row of name, type, default ("-" for none) and meaning.
#include "runtime/option_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <string>
#include <vector>

namespace skein {
namespace {

constexpr uint32_t kLastKind = SKEIN_OPTIONS_TENANT;

// Names of the kinds, from their definitions in skein/options.h.
std::map<std::string, uint32_t> KindsInHeader(const std::filesystem::path& folder) {
  std::map<std::string, uint32_t> kinds;
  std::ifstream file(folder / "options.h");
  const std::regex definition("#define (SKEIN_OPTIONS_[A-Z]+) ([0-9]+).*");
  std::smatch match;
  for (std::string line; std::getline(file, line);) {
    if (std::regex_match(line, match, definition)) kinds[match[1]] = static_cast<uint32_t>(std::stoul(match[2]));
  }
  return kinds;
}

// The rows of every kind, as "name type default", in the order of the headers.
std::map<uint32_t, std::vector<std::string>> RowsInHeaders(const std::filesystem::path& folder) {
  const std::map<std::string, uint32_t> kinds = KindsInHeader(folder);
  const std::regex kind_name("//.*kind (SKEIN_OPTIONS_[A-Z]+).*");
  const std::regex row("//   ([a-z_]+) +(i64|f64|str) +([^ ]+)  .*");
  std::map<uint32_t, std::vector<std::string>> rows;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path());
    uint32_t kind = 0;
    std::smatch match;
    for (std::string line; std::getline(file, line);) {
      if (std::regex_match(line, match, kind_name)) kind = kinds.at(match[1]);
      if (std::regex_match(line, match, row)) {
        rows[kind].push_back(match.str(1) + " " + match.str(2) + " " + match.str(3));
      }
    }
  }
  return rows;
}

std::string Row(const OptionKey& key) {
  const char* type = key.type() == SKEIN_OPTION_I64 ? "i64" : key.type() == SKEIN_OPTION_F64 ? "f64" : "str";
  std::string value = key.DefaultText();
  if (!key.has_default()) {
    value = "-";
  } else if (key.type() == SKEIN_OPTION_STR) {
    value = "\"" + value + "\"";
  }
  return std::string(key.name()) + " " + type + " " + value;
}

TEST(OptionKeysTest, TheHeadersDescribeEveryKeyWithItsTypeAndDefault) {
  const auto rows = RowsInHeaders(SKEIN_TESTS_DIR "/../sdk/include/skein");
  for (uint32_t kind = SKEIN_OPTIONS_RUNTIME; kind <= kLastKind; ++kind) {
    std::vector<std::string> listed;
    for (const OptionKey& key : OptionKeys(kind)) listed.push_back(Row(key));
    const auto found = rows.find(kind);
    const std::vector<std::string> described = found == rows.end() ? std::vector<std::string>() : found->second;
    EXPECT_THAT(described, testing::UnorderedElementsAreArray(listed)) << "kind " << kind;
  }
}

TEST(OptionKeysTest, EveryKeyFitsTheListing) {
  for (uint32_t kind = SKEIN_OPTIONS_RUNTIME; kind <= kLastKind; ++kind) {
    for (const OptionKey& key : OptionKeys(kind)) {
      EXPECT_LT(std::string(key.name()).size(), sizeof(skein_option_info::key)) << key.name();
      EXPECT_LT(std::string(key.help()).size(), sizeof(skein_option_info::help)) << key.name();
      EXPECT_LT(key.DefaultText().size(), sizeof(skein_option_info::default_value)) << key.name();
      EXPECT_GT(std::string(key.help()).size(), 4u) << key.name();
    }
  }
}

// A default is a value that could be set.
TEST(OptionKeysTest, EveryDefaultIsInRange) {
  for (uint32_t kind = SKEIN_OPTIONS_RUNTIME; kind <= kLastKind; ++kind) {
    for (const OptionKey& key : OptionKeys(kind)) {
      if (!key.has_default() || key.type() == SKEIN_OPTION_STR) continue;
      Options options(kind);
      const std::string value = key.DefaultText();
      const absl::Status status = key.type() == SKEIN_OPTION_I64 ? options.SetInt(key.name(), std::stoll(value))
                                                                 : options.SetReal(key.name(), std::stod(value));
      EXPECT_TRUE(status.ok()) << status;
    }
  }
}

}  // namespace
}  // namespace skein
