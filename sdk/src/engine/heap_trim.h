// When the memory that malloc keeps is worth giving back: when many of the streams of a model have gone. A stream is
// some objects of a kilobyte together. malloc gives back the end of the heap alone, where something else mostly lies.
// Less often a trim would leave memory behind, and more often it would take time from a host whose streams come and go.
#ifndef SKEIN_ENGINE_HEAP_TRIM_H_
#define SKEIN_ENGINE_HEAP_TRIM_H_

#include <atomic>
#include <cstdint>

namespace skein {

// Threads: any.
class HeapTrim {
 public:
  // Fewer are not worth it.
  static constexpr uint32_t kFewestGone = 256;

  // Streams were added, and there are so many now.
  void OnAdded(uint32_t num_streams) noexcept {
    uint32_t most = most_.load(std::memory_order_relaxed);
    while (most < num_streams && !most_.compare_exchange_weak(most, num_streams, std::memory_order_relaxed)) {
    }
  }

  // A stream has gone, and so many are left. True: now a trim is due.
  bool OnRemoved(uint32_t num_streams) noexcept {
    uint32_t most = most_.load(std::memory_order_relaxed);
    if (num_streams > most / 2 || most - num_streams < kFewestGone) return false;
    if (!most_.compare_exchange_strong(most, num_streams, std::memory_order_relaxed)) return false;
    is_due_.store(true);
    return true;
  }

  // Whether a trim is due, which is told once.
  bool TakeDue() noexcept { return is_due_.exchange(false); }

 private:
  std::atomic<uint32_t> most_{0};  // streams since a trim was due
  std::atomic<bool> is_due_{false};
};

}  // namespace skein

#endif  // SKEIN_ENGINE_HEAP_TRIM_H_
