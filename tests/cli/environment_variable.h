// A variable of the environment, for the tools that a test starts.
#ifndef SKEIN_TESTS_CLI_ENVIRONMENT_VARIABLE_H_
#define SKEIN_TESTS_CLI_ENVIRONMENT_VARIABLE_H_

#include <cstdlib>
#include <optional>
#include <string>

namespace skein {

// While it lives, the tools that are started have the variable.
class EnvironmentVariable {
 public:
  EnvironmentVariable(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    setenv(name, value, 1);
  }
  ~EnvironmentVariable() {
    if (before_) {
      setenv(name_, before_->c_str(), 1);
    } else {
      unsetenv(name_);
    }
  }
  EnvironmentVariable(const EnvironmentVariable&) = delete;
  EnvironmentVariable& operator=(const EnvironmentVariable&) = delete;

 private:
  const char* const name_;
  std::optional<std::string> before_;
};

}  // namespace skein

#endif  // SKEIN_TESTS_CLI_ENVIRONMENT_VARIABLE_H_
