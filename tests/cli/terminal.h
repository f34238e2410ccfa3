// The `skein` tool on a pseudo-terminal, as a person at a keyboard meets it.
#ifndef SKEIN_TESTS_CLI_TERMINAL_H_
#define SKEIN_TESTS_CLI_TERMINAL_H_

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace skein {

// Ends the tool if it still runs when destroyed.
class Terminal {
 public:
  // Starts the built tool. `environment` is set beside what this process has.
  Terminal(const std::vector<std::string>& arguments, const std::map<std::string, std::string>& environment);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void Type(const std::string& keys);

  // Waits until `text` is on the screen behind the text of the last wait, for a minute at most. Fails the test if it
  // does not come. Gives the screen's text up to the end of `text`.
  std::string Expect(const std::string& text);

  // Waits for the end of the tool; gives its exit code, or -1 with a failure of the test.
  int Wait();

 private:
  // Reads the output that is there or comes within a tenth of a second. False: the tool has closed the terminal.
  bool ReadMore();

  pid_t process_ = -1;
  int descriptor_ = -1;
  std::string screen_;  // not yet waited for
};

}  // namespace skein

#endif  // SKEIN_TESTS_CLI_TERMINAL_H_
