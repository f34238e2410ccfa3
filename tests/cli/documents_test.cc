// The commands that the documents show: each option of them is one of the tool's.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include "tests/cli/tool_process.h"

namespace skein {
namespace {

namespace fs = std::filesystem;

const fs::path kProject = fs::path(SKEIN_TESTS_DIR).parent_path();

std::string TextOf(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<fs::path> Documents() {
  std::vector<fs::path> documents = {kProject / "README.md"};
  for (const auto& entry : fs::directory_iterator(kProject / "sdk" / "docs")) documents.push_back(entry.path());
  for (const auto& entry : fs::directory_iterator(kProject / "samples")) {
    if (fs::exists(entry.path() / "README.md")) documents.push_back(entry.path() / "README.md");
  }
  return documents;
}

// "-m" and "--prefix" in the help of a command, as the option stands there.
bool Offers(const std::string& help, const std::string& option) {
  const std::string place = option[1] == '-' ? "[ -]" + option + "( |\n)" : "\n  " + option + ", ";
  return std::regex_search(help, std::regex(place));
}

TEST(CliDocumentsTest, CommandsHaveTheOptionsThatTheyAreShownWith) {
  // A command ends with its line, its code mark, or the next command of a pipe.
  const std::regex command(
      "skein (run|chat|logits|score|embed|tokenize|detokenize|convert|inspect|state|devices|plugins|"
      "bench) ([^`\n|]*)");
  const std::regex option("(^| |\\[)(--?[a-z][a-z-]*)");
  std::map<std::string, std::string> helps;
  size_t num_options = 0;
  for (const fs::path& document : Documents()) {
    const std::string text = TextOf(document);
    for (std::sregex_iterator shown(text.begin(), text.end(), command); shown != std::sregex_iterator(); ++shown) {
      std::string& help = helps[shown->str(1)];
      if (help.empty()) help = RunTool({shown->str(1), "--help"}).out;
      const std::string words = shown->str(2);
      for (std::sregex_iterator word(words.begin(), words.end(), option); word != std::sregex_iterator(); ++word) {
        EXPECT_TRUE(Offers(help, word->str(2))) << document << ": " << shown->str();
        ++num_options;
      }
    }
  }
  EXPECT_GT(num_options, 20u);
}

}  // namespace
}  // namespace skein
