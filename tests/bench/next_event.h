// The events of requests, one by one.
#ifndef SKEIN_TESTS_BENCH_NEXT_EVENT_H_
#define SKEIN_TESTS_BENCH_NEXT_EVENT_H_

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "skein/skein.h"
#include "tests/bench/check.h"

namespace skein::bench {

// Waits for the next event of a queue that has requests. If one of them has failed, prints why, and ends the process
// with 1.
inline skein_event NextEvent(skein_queue queue) {
  skein_event event = {};
  skein_error error = {};
  uint32_t count = 0, ready = 0;
  uint64_t text_bytes = 0;
  char text[4096];
  while (true) {
    Check(skein_queue_poll(queue, &event, sizeof(event), 1, text, sizeof(text), &count, &text_bytes, &error), error);
    if (count > 0) break;
    Check(skein_queue_wait(queue, -1, &ready, &error), error);
  }
  if (event.kind == SKEIN_EVENT_ERROR) {
    std::fprintf(stderr, "%s: request: %.*s\n", program_invocation_short_name, static_cast<int>(text_bytes), text);
    std::exit(1);
  }
  return event;
}

}  // namespace skein::bench

#endif  // SKEIN_TESTS_BENCH_NEXT_EVENT_H_
