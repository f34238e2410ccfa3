// A barrier for the participants of one parallel region, which all run at the same time. A token's step has a dozen
// barriers per layer, so a barrier may cost nanoseconds only.
#ifndef SKEIN_BACKENDS_ONEDNN_SPIN_BARRIER_H_
#define SKEIN_BACKENDS_ONEDNN_SPIN_BARRIER_H_

#include <atomic>
#include <cstdint>
#include <thread>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace skein::onednn {

class SpinBarrier {
 public:
  // Returns when `count` participants have arrived; each passes the same count. All writes from before are seen after.
  // A participant that has to wait calls `meanwhile` again and again, as long as `meanwhile` says that it had work to
  // do.
  template <typename Meanwhile>
  void Wait(uint32_t count, Meanwhile&& meanwhile) {
    if (count == 1) return;
    const uint32_t round = round_.load(std::memory_order_relaxed);
    if (num_arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == count) {
      num_arrived_.store(0, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
      return;
    }
    const auto has_to_wait = [&] { return round_.load(std::memory_order_acquire) == round; };
    while (has_to_wait() && meanwhile()) {
    }
    for (uint32_t spin = 0; has_to_wait(); ++spin) {
      // After about 50 us, another participant must have lost its processor: leave it ours.
      if (spin < 1000) {
        Pause();
      } else {
        std::this_thread::yield();
      }
    }
  }

 private:
  static void Pause() {
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  alignas(64) std::atomic<uint32_t> num_arrived_ = 0;
  alignas(64) std::atomic<uint32_t> round_ = 0;
};

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_SPIN_BARRIER_H_
