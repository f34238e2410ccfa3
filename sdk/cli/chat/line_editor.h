// Messages typed by a person, or read from a pipe. With a terminal on stdin and stderr the line can be edited, and
// earlier ones come back with the arrow keys; the prompt goes to stderr.
#ifndef SKEIN_CLI_CHAT_LINE_EDITOR_H_
#define SKEIN_CLI_CHAT_LINE_EDITOR_H_

#include <memory>
#include <string>

namespace skein::cli {

class LineEditor {
 public:
  enum class Result {
    kMessage,
    kInterrupted,  // Ctrl-C: the message is the text typed until then, to be dropped
    kEnd,          // Ctrl-D on an empty line, or the end of the input
  };

  // `history` is the file that keeps lines from one run to the next; "": none. Its folder is made if it is missing. If
  // the file cannot be read or written, there is no history, which is no failure.
  explicit LineEditor(std::string history);
  ~LineEditor();  // writes the history
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  // True if a person sees the prompts.
  bool interactive() const { return terminal_ != nullptr; }

  // Reads one message: a line, and the next one too where a line ends in a backslash, which becomes a newline.
  Result Read(std::string* message);

 private:
  class Terminal;

  // One line without its end.
  Result ReadLine(const char* prompt, std::string* line);

  // The next line of an input that is no terminal. False: it has ended.
  bool ReadPipedLine(std::string* line);

  std::unique_ptr<Terminal> terminal_;
  std::string piped_;  // read from such an input, and not given yet
};

// $XDG_STATE_HOME/skein/history, else ~/.local/state/skein/history; "" if neither folder is known.
std::string HistoryPath();

}  // namespace skein::cli

#endif  // SKEIN_CLI_CHAT_LINE_EDITOR_H_
