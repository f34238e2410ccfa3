#include "orderly_end.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <set>
#include <utility>

#include "failure.h"

namespace skein::cli {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};

// Of the process, as its signals are. The handler may use these alone.
volatile std::sig_atomic_t writer = -1;
volatile std::sig_atomic_t ending_signal = 0;

// Also of the process. A file is here only while it is written.
struct UnfinishedFiles {
  std::mutex mutex;
  std::set<std::string> paths;  // guarded by mutex
};
UnfinishedFiles unfinished_files;

void OnSignal(int signal) {
  const int error = errno;
  const auto byte = static_cast<unsigned char>(signal);
  [[maybe_unused]] const ssize_t written = write(static_cast<int>(writer), &byte, 1);
  errno = error;
}

void UseDefault(int signal) {
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);
}

// The exit handler, which runs after those of libskein that it registers at work: whoever waits for the tool is to see
// the signal.
void EndBySignal() {
  if (ending_signal != 0) raise(static_cast<int>(ending_signal));
}

}  // namespace

OrderlyEnd::OrderlyEnd() {
  [[maybe_unused]] static const int is_registered = std::atexit(EndBySignal);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw Failure(std::string("no pipe: ") + std::strerror(errno));
  reader_ = Descriptor(ends[0]);
  writer = AboveStandard(ends[1]);
  for (const int signal : kSignals) {
    struct sigaction before = {};
    sigaction(signal, nullptr, &before);
    if (before.sa_handler == SIG_IGN) continue;
    before_.emplace(signal, before);
  }
  thread_ = std::thread([this] { Watch(); });
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const auto& [signal, before] : before_) sigaction(signal, &action, nullptr);
}

OrderlyEnd::~OrderlyEnd() {
  for (const auto& [signal, before] : before_) sigaction(signal, &before, nullptr);
  OnSignal(0);
  thread_.join();
  close(static_cast<int>(writer));
}

void OrderlyEnd::Watch() {
  unsigned char signal = 0;
  while (read(reader_.number(), &signal, 1) < 0 && errno == EINTR) {
  }
  if (signal != 0) End(signal);
}

void OrderlyEnd::End(int signal) {
  for (const auto& [number, before] : before_) UseDefault(number);
  ending_signal = signal;
  {
    const std::lock_guard<std::mutex> lock(unfinished_files.mutex);
    for (const std::string& path : unfinished_files.paths) unlink(path.c_str());
  }
  std::exit(128 + signal);
}

UnfinishedFile::Pause UnfinishedFile::MakePause() { return Pause(unfinished_files.mutex); }

UnfinishedFile::UnfinishedFile(std::string path, const Pause& /*held*/) : path_(std::move(path)) {
  unfinished_files.paths.insert(path_);
}

UnfinishedFile::~UnfinishedFile() {
  const std::lock_guard<std::mutex> lock(unfinished_files.mutex);
  unfinished_files.paths.erase(path_);
}

}  // namespace skein::cli
