// Tells on stderr about the work of the library: log lines, and a progress bar if stderr is a terminal.
#ifndef SKEIN_CLI_MONITOR_H_
#define SKEIN_CLI_MONITOR_H_

#include <condition_variable>
#include <mutex>
#include <thread>

#include "failure.h"

namespace skein::cli {

enum class LogLines { kWarnings, kAll };

// Watches a runtime from a thread of its own until the Monitor is destroyed, and prints the last log lines then. The
// runtime must outlive the Monitor.
class Monitor {
 public:
  Monitor(const Runtime& runtime, LogLines lines);
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

 private:
  void Watch();
  // Prints what is new.
  void Tell(bool with_progress);
  void PrintLog();
  void DrawProgress();
  void EraseProgress();

  const Runtime& runtime_;
  const LogLines lines_;
  const bool terminal_;
  bool drawn_ = false;  // of the watching thread
  std::mutex mutex_;
  std::condition_variable stopping_changed_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;     // last: it uses all the others
};

}  // namespace skein::cli

#endif  // SKEIN_CLI_MONITOR_H_
