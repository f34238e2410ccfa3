// Names of parametrised test cases.
#ifndef SKEIN_TESTS_SUPPORT_CASE_NAME_H_
#define SKEIN_TESTS_SUPPORT_CASE_NAME_H_

#include <algorithm>
#include <cctype>
#include <string>

namespace skein::test {

// `text` with '_' for everything but letters and digits: GoogleTest allows nothing else.
inline std::string CaseName(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return text;
}

}  // namespace skein::test

#endif  // SKEIN_TESTS_SUPPORT_CASE_NAME_H_
