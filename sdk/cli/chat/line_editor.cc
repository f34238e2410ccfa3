#include "chat/line_editor.h"

#include <histedit.h>
#include <langinfo.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <filesystem>
#include <utility>

#include "interrupt.h"
#include "output.h"
#include "standard_streams.h"

namespace skein::cli {
namespace {

constexpr char kPrompt[] = "> ";
constexpr char kContinuationPrompt[] = "… ";
constexpr int kHistoryLines = 1000;
constexpr wchar_t kControlC = 3;

// The editor needs to know where characters begin and end. UTF-8 is set where the user's locale has another encoding:
// models read and write nothing else.
void UseUtf8() {
  std::setlocale(LC_CTYPE, "");
  if (std::strcmp(nl_langinfo(CODESET), "UTF-8") != 0) std::setlocale(LC_CTYPE, "C.UTF-8");
}

}  // namespace

// The editor of libedit, and its history.
class LineEditor::Terminal {
 public:
  explicit Terminal(std::string history_path) : history_path_(std::move(history_path)) {
    UseUtf8();
    editor_ = el_init("skein", stdin, stderr, stderr);
    history_ = history_init();
    HistEvent event;
    history(history_, &event, H_SETSIZE, kHistoryLines);
    history(history_, &event, H_SETUNIQUE, 1);
    if (!history_path_.empty()) history(history_, &event, H_LOAD, history_path_.c_str());
    el_set(editor_, EL_CLIENTDATA, this);
    el_set(editor_, EL_PROMPT, Prompt);
    el_set(editor_, EL_EDITOR, "emacs");
    el_set(editor_, EL_HIST, history, history_);
    el_set(editor_, EL_GETCFN, ReadCharacter);
    // The wide call keeps these texts; el_set would keep copies for ever.
    el_wset(editor_, EL_ADDFN, L"skein-interrupt", L"drops the line", DropLine);
    el_set(editor_, EL_BIND, "^R", "em-inc-search-prev", nullptr);
    el_source(editor_, nullptr);  // ~/.editrc
    el_set(editor_, EL_BIND, "^C", "skein-interrupt", nullptr);
  }

  ~Terminal() {
    SaveHistory();
    history_end(history_);
    el_end(editor_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  Result ReadLine(const char* prompt, std::string* line) {
    const InterruptGuard guard(SecondInterrupt::kCounts);
    prompt_ = prompt;
    interrupted_ = false;
    // By itself the editor takes the terminal over only after it has shown the prompt, and misses keys that are typed
    // in between.
    el_set(editor_, EL_PREP_TERM, 1);
    int size = 0;
    const char* text = el_gets(editor_, &size);
    if (interrupted_) {
      PrintError("^C\n");
      *line = dropped_;
      return Result::kInterrupted;
    }
    if (text == nullptr || size <= 0) {
      PrintError("\n");
      return Result::kEnd;
    }
    line->assign(text, static_cast<size_t>(size));
    while (!line->empty() && (line->back() == '\n' || line->back() == '\r')) line->pop_back();
    HistEvent event;
    if (!line->empty()) history(history_, &event, H_ENTER, line->c_str());
    return Result::kMessage;
  }

 private:
  static Terminal* Of(EditLine* editor) {
    void* terminal = nullptr;
    el_get(editor, EL_CLIENTDATA, &terminal);
    return static_cast<Terminal*>(terminal);
  }

  static char* Prompt(EditLine* editor) { return const_cast<char*>(Of(editor)->prompt_); }

  static unsigned char DropLine(EditLine* editor, int /*key*/) {
    const LineInfo* typed = el_line(editor);
    Of(editor)->interrupted_ = true;
    Of(editor)->dropped_.assign(typed->buffer, typed->lastchar);
    return CC_EOF;
  }

  // Reads one character from the terminal; -1: it failed, 0: end of input. An interrupt is the character of its key.
  static int ReadCharacter(EditLine* /*editor*/, wchar_t* character) {
    std::mbstate_t state = {};
    while (true) {
      if (!AwaitKey()) {
        *character = kControlC;
        return 1;
      }
      char byte = 0;
      const ssize_t size = read(STDIN_FILENO, &byte, 1);
      if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (size <= 0) return static_cast<int>(size);
      const size_t converted = std::mbrtowc(character, &byte, 1, &state);
      if (converted == static_cast<size_t>(-1)) state = {};  // no UTF-8: dropped
      if (converted <= 1) return 1;
    }
  }

  // Waits until there is something to read. False: an interrupt came, before the call or during it. The signal can come
  // only during the wait, so that none comes between the look for it and the wait.
  static bool AwaitKey() {
    sigset_t interrupt;
    sigset_t before;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    sigprocmask(SIG_BLOCK, &interrupt, &before);
    struct pollfd waiting = {STDIN_FILENO, POLLIN, 0};
    bool interrupted = TakeInterrupt();
    while (!interrupted && ppoll(&waiting, 1, nullptr, &before) < 0 && errno == EINTR) interrupted = TakeInterrupt();
    sigprocmask(SIG_SETMASK, &before, nullptr);
    return !interrupted;
  }

  void SaveHistory() {
    if (history_path_.empty()) return;
    std::error_code ignored;
    std::filesystem::create_directories(std::filesystem::path(history_path_).parent_path(), ignored);
    HistEvent event;
    history(history_, &event, H_SAVE, history_path_.c_str());
  }

  const std::string history_path_;
  EditLine* editor_ = nullptr;
  History* history_ = nullptr;
  const char* prompt_ = "";
  bool interrupted_ = false;
  std::string dropped_;  // the text typed until interrupted_
};

LineEditor::LineEditor(std::string history) {
  if (isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1)
    terminal_ = std::make_unique<Terminal>(std::move(history));
}

LineEditor::~LineEditor() = default;

LineEditor::Result LineEditor::ReadLine(const char* prompt, std::string* line) {
  if (terminal_ != nullptr) return terminal_->ReadLine(prompt, line);
  if (!ReadPipedLine(line)) return Result::kEnd;
  if (!line->empty() && line->back() == '\r') line->pop_back();
  return Result::kMessage;
}

bool LineEditor::ReadPipedLine(std::string* line) {
  size_t end = piped_.find('\n');
  char piece[4096];
  while (end == std::string::npos) {
    const ssize_t size = ReadSome(STDIN_FILENO, piece);
    if (size <= 0) break;
    piped_.append(piece, static_cast<size_t>(size));
    end = piped_.find('\n', piped_.size() - static_cast<size_t>(size));
  }
  if (piped_.empty()) return false;
  *line = piped_.substr(0, end);
  piped_.erase(0, end == std::string::npos ? end : end + 1);
  return true;
}

LineEditor::Result LineEditor::Read(std::string* message) {
  message->clear();
  std::string line;
  Result result = ReadLine(kPrompt, &line);
  while (result == Result::kMessage && !line.empty() && line.back() == '\\') {
    line.back() = '\n';
    *message += line;
    line.clear();
    result = ReadLine(kContinuationPrompt, &line);
  }
  *message += line;
  // The input may end although a line says that another follows. The text until then is a message.
  return result == Result::kEnd && !message->empty() ? Result::kMessage : result;
}

std::string HistoryPath() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && state[0] == '/') return std::string(state) + "/skein/history";
  const char* home = std::getenv("HOME");
  if (home != nullptr && home[0] == '/') return std::string(home) + "/.local/state/skein/history";
  return "";
}

}  // namespace skein::cli
