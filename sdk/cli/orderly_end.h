// The end of the tool by a signal while it writes a file: nothing half done stays.
#ifndef SKEIN_CLI_ORDERLY_END_H_
#define SKEIN_CLI_ORDERLY_END_H_

#include <csignal>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "system/descriptor.h"

namespace skein::cli {

// While it lives, SIGINT, SIGTERM and SIGHUP end the process by way of its exit handlers. There libskein gives up the
// work that another thread does for it, and removes what that leaves (sdk/src/runtime/worker.h). Then the signal ends
// the process as usual. A second signal ends it at once. A signal that the tool was started to ignore stays ignored.
// One at a time, and not while an InterruptGuard lives. The thread that destroys it after a signal does not go on.
class OrderlyEnd {
 public:
  OrderlyEnd();
  ~OrderlyEnd();
  OrderlyEnd(const OrderlyEnd&) = delete;
  OrderlyEnd& operator=(const OrderlyEnd&) = delete;

 private:
  void Watch();
  [[noreturn]] void End(int signal);

  std::map<int, struct sigaction> before_;  // by signal
  Descriptor reader_;                       // of the pipe into which the handler writes a signal's number; 0: stop
  std::thread thread_;                      // last: it uses all the others
};

// A file of the tool's own that OrderlyEnd removes, if there is one at `path`. Any thread.
class UnfinishedFile {
 public:
  // While somebody has it, no signal ends the process: to be held from before the file is there until it is known here.
  using Pause = std::unique_lock<std::mutex>;
  static Pause MakePause();

  UnfinishedFile(std::string path, const Pause& pause);
  ~UnfinishedFile();
  UnfinishedFile(const UnfinishedFile&) = delete;
  UnfinishedFile& operator=(const UnfinishedFile&) = delete;

 private:
  const std::string path_;
};

}  // namespace skein::cli

#endif  // SKEIN_CLI_ORDERLY_END_H_
