// How a transcript shows numbers, texts and arrays. README.md beside the scenario has the forms.
#ifndef SKEIN_TESTS_BINDINGS_CPP_TRANSCRIPT_H_
#define SKEIN_TESTS_BINDINGS_CPP_TRANSCRIPT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace scenario {

std::string Show(float value);
std::string Show(double value);
std::string ShowNumber(uint64_t value);
std::string ShowText(std::string_view text);
// Length, first elements, hash.
std::string Show(const std::vector<float>& values);
std::string Show(const std::vector<uint32_t>& values);
// The words with a space between each.
std::string Join(const std::vector<std::string>& words);

}  // namespace scenario

#endif  // SKEIN_TESTS_BINDINGS_CPP_TRANSCRIPT_H_
