// The library as the tool uses it, by skein.hpp, and the tool's own failures.
#ifndef SKEIN_CLI_FAILURE_H_
#define SKEIN_CLI_FAILURE_H_

#include <string>

#include "skein/skein.hpp"

namespace skein::cli {

// The work failed: the tool prints the message of any Error and ends with exit code 1. This one is the tool's own.
class Failure : public Error {
 public:
  explicit Failure(const std::string& message) : Error(SKEIN_UNKNOWN, message) {}
};

}  // namespace skein::cli

#endif  // SKEIN_CLI_FAILURE_H_
