// Flow control of one request: the number of tokens that its reader has not acknowledged, and the limit of that number.
#ifndef SKEIN_SERVING_TOKEN_WINDOW_H_
#define SKEIN_SERVING_TOKEN_WINDOW_H_

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"

namespace skein {

// Threads: any; one thread pushes tokens.
class TokenWindow {
 public:
  // 0: no window is set. Delivered tokens then count as acknowledged, and the size is kDefaultSize.
  void SetSize(uint64_t size) { size_.store(size); }

  // If nobody takes its events, a request waits after this number of tokens.
  static constexpr uint64_t kDefaultSize = 4096;

  // True if the reader is so far behind that the request must wait for it. `num_coming`: tokens that will be pushed in
  // any case.
  bool IsFull(uint64_t num_coming = 0) const {
    return num_pushed_.load() + num_coming - num_acknowledged_.load() >= limit();
  }

  void OnPushed() noexcept { ++num_pushed_; }

  // One token was delivered. True: the window may have been full before.
  bool OnDelivered() noexcept;

  // FAILED_PRECONDITION: there is no window. INVALID_ARGUMENT: more than were delivered.
  absl::Status Acknowledge(uint64_t num_tokens);

 private:
  uint64_t limit() const {
    const uint64_t size = size_.load();
    return size == 0 ? kDefaultSize : size;
  }

  std::atomic<uint64_t> size_{0};
  std::atomic<uint64_t> num_pushed_{0};
  std::atomic<uint64_t> num_delivered_{0};
  std::atomic<uint64_t> num_acknowledged_{0};
};

}  // namespace skein

#endif  // SKEIN_SERVING_TOKEN_WINDOW_H_
