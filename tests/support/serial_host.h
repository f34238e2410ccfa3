// Host services that run all work on the calling thread.
#ifndef SKEIN_TESTS_SUPPORT_SERIAL_HOST_H_
#define SKEIN_TESTS_SUPPORT_SERIAL_HOST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "skein/plugin.h"

namespace skein::testing {

inline const skein_host& SerialHost() {
  static const skein_host host = [] {
    skein_host h = {};
    h.struct_size = sizeof(h);
    h.concurrency = [](void*) { return uint32_t{1}; };
    h.parallel_for = [](void*, uint64_t num_items, void (*fn)(void*, uint64_t), void* argument) {
      for (uint64_t i = 0; i < num_items; ++i) fn(argument, i);
    };
    return h;
  }();
  return host;
}

// The same, which keeps the lines of the log: "2 text" for a warning.
class LoggingHost {
 public:
  LoggingHost() : host_(SerialHost()) {
    host_.context = this;
    host_.log = [](void* context, uint32_t severity, const char* text, uint64_t text_bytes) {
      static_cast<LoggingHost*>(context)->lines_.push_back(std::to_string(severity) + " " +
                                                           std::string(text, text_bytes));
    };
  }
  LoggingHost(const LoggingHost&) = delete;
  LoggingHost& operator=(const LoggingHost&) = delete;

  const skein_host& host() const { return host_; }
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  skein_host host_;
  std::vector<std::string> lines_;
};

}  // namespace skein::testing

#endif  // SKEIN_TESTS_SUPPORT_SERIAL_HOST_H_
