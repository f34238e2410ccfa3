// Submits requests and collects the events of their queue.
#ifndef SKEIN_TESTS_SUPPORT_DRAIN_H_
#define SKEIN_TESTS_SUPPORT_DRAIN_H_

#include <map>
#include <string>
#include <vector>

#include "tests/support/host.h"

namespace skein::test {

// The events of one request, put together.
struct Delivered {
  std::vector<uint32_t> tokens;
  std::string text;
  uint32_t end = 0;  // kind of the terminal event; 0 if none came
  uint32_t reason = 0;
  skein_status status = SKEIN_OK;
  int num_terminal = 0;
  uint64_t position = 0;
  uint64_t num_cached_tokens = 0;
  uint32_t cache = 0;  // SKEIN_CACHE_*
};

// Takes the events that are there, or come within `timeout_ms`, and sorts them by user data. False if none came.
inline bool TakeEvents(skein_queue queue, std::map<uint64_t, Delivered>& delivered, int64_t timeout_ms = 20000) {
  skein_event events[8];
  std::string text(4096, '\0');  // more than the longest message
  uint32_t ready = 0;
  EXPECT_EQ(skein_queue_wait(queue, timeout_ms, &ready, nullptr), SKEIN_OK);
  if (ready == 0) return false;
  uint32_t count = 0;
  uint64_t text_bytes = 0;
  skein_error error = {};
  EXPECT_TRUE(
      Ok(skein_queue_poll(queue, events, sizeof(skein_event), 8, text.data(), text.size(), &count, &text_bytes, &error),
         error));
  for (uint32_t i = 0; i < count; ++i) {
    Delivered& of = delivered[events[i].user_data];
    of.text += text.substr(events[i].text_offset, events[i].text_bytes);
    of.position = events[i].position;
    of.num_cached_tokens = events[i].num_cached_tokens;
    of.cache = events[i].cache;
    if (events[i].kind == SKEIN_EVENT_TOKEN) {
      EXPECT_EQ(of.num_terminal, 0) << "a token after the terminal event";
      of.tokens.push_back(events[i].token);
      EXPECT_EQ(events[i].num_tokens, of.tokens.size());
    } else if (events[i].kind == SKEIN_EVENT_SAMPLE_DONE) {
      ADD_FAILURE() << "several samples; expected a request with one";
    } else {
      of.end = events[i].kind;
      of.reason = events[i].reason;
      of.status = events[i].status;
      ++of.num_terminal;
    }
  }
  return true;
}

// Drains until `count` requests have ended.
inline std::map<uint64_t, Delivered> DrainUntilEnded(skein_queue queue, size_t count) {
  std::map<uint64_t, Delivered> delivered;
  while (true) {
    size_t ended = 0;
    for (const auto& [user_data, of] : delivered) ended += of.num_terminal > 0 ? 1 : 0;
    if (ended >= count) return delivered;
    if (!TakeEvents(queue, delivered)) {
      ADD_FAILURE() << "no event within 20 s; " << ended << " of " << count << " requests ended";
      return delivered;
    }
  }
}

}  // namespace skein::test

#endif  // SKEIN_TESTS_SUPPORT_DRAIN_H_
