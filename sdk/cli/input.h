// Whole inputs as bytes.
#ifndef SKEIN_CLI_INPUT_H_
#define SKEIN_CLI_INPUT_H_

#include <string>

namespace skein::cli {

// The content of the file at `path`; "-" is standard input. Throws Failure that names it.
std::string ReadInput(const std::string& path);

}  // namespace skein::cli

#endif  // SKEIN_CLI_INPUT_H_
