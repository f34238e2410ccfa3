// Whole inputs as bytes.
#ifndef SKEIN_CLI_INPUT_H_
#define SKEIN_CLI_INPUT_H_

#include <string>
#include <vector>

namespace skein::cli {

// The content of the file at `path`; "-" is standard input. Throws Error that names it.
std::string ReadInput(const std::string& path);

// The lines of the file, without their ends. Empty ones are left out. Throws Error if there is no other.
std::vector<std::string> ReadLines(const std::string& path);

}  // namespace skein::cli

#endif  // SKEIN_CLI_INPUT_H_
