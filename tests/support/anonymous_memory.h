// Anonymous memory of this process, now and at its peak. Files that are mapped do not count.
#ifndef SKEIN_TESTS_SUPPORT_ANONYMOUS_MEMORY_H_
#define SKEIN_TESTS_SUPPORT_ANONYMOUS_MEMORY_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <string>
#include <thread>

namespace skein::test {

// The bytes of this process in memory that belong to no file; 0 where /proc does not say.
inline uint64_t AnonymousBytes() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.rfind("RssAnon:", 0) == 0) return std::stoull(line.substr(8)) * 1024;
  }
  return 0;
}

// The most anonymous memory of this process while it lives, looked at every millisecond.
class PeakSampler {
 public:
  PeakSampler() : thread_([this] { Run(); }) {}
  ~PeakSampler() {
    if (thread_.joinable()) Stop();
  }
  uint64_t Stop() {
    stopped_ = true;
    thread_.join();
    return peak_;
  }

 private:
  void Run() {
    while (!stopped_) {
      peak_ = std::max<uint64_t>(peak_, AnonymousBytes());
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  std::atomic<bool> stopped_{false};
  std::atomic<uint64_t> peak_{0};
  std::thread thread_;
};

}  // namespace skein::test

#endif  // SKEIN_TESTS_SUPPORT_ANONYMOUS_MEMORY_H_
