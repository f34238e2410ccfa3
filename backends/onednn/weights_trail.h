// A thread that waits for the others fetches the weights that it will multiply by next. The memory bus is the limit of
// decoding. It would lie idle while a thread waits, and while norms, decays and the recurrence are computed.
#ifndef SKEIN_BACKENDS_ONEDNN_WEIGHTS_TRAIL_H_
#define SKEIN_BACKENDS_ONEDNN_WEIGHTS_TRAIL_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace skein::onednn {

// Where one thread's share of each product of a step begins, as the steps before had it: every step goes through
// the same products, and shares stay the same from token to token. It is a hint: where it is wrong, only time is lost.
// Threads: its own. It shares no cache line with another thread's trail.
class alignas(64) WeightsTrail {
 public:
  // The most that is fetched before a product: a part of any second-level cache.
  static constexpr uint64_t kMostBytes = 128 << 10;

  // For steps of up to `num_products` products. Later products are not followed: a step must not fail for lack of
  // memory.
  explicit WeightsTrail(size_t num_products) { ranges_.reserve(num_products); }

  // A step begins.
  void Restart() {
    product_ = 0;
    Aim();
  }

  // The thread has come to the next product. Its share begins at `weights`, of which `bytes` follow each other.
  void Pass(const std::byte* weights, uint64_t bytes) {
    const Range range = {weights, weights + (bytes < kMostBytes ? bytes : kMostBytes)};
    if (product_ < ranges_.size()) {
      ranges_[product_] = range;
    } else if (product_ < ranges_.capacity()) {
      ranges_.push_back(range);
    }
    ++product_;
    Aim();
  }

  // Asks for one more of the next cache lines. False: there is none left.
  bool FetchLine() {
    if (next_.begin >= next_.end) return false;
    __builtin_prefetch(next_.begin, 0, 2);
    next_.begin += 64;
    return true;
  }

 private:
  struct Range {
    const std::byte* begin = nullptr;
    const std::byte* end = nullptr;
  };

  // After the last product comes the first of the next step.
  void Aim() {
    if (!ranges_.empty()) next_ = ranges_[product_ % ranges_.size()];
  }

  std::vector<Range> ranges_;  // by product, in the order of a step
  size_t product_ = 0;         // the next one
  Range next_;                 // the part of it that is still to be fetched
};

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_WEIGHTS_TRAIL_H_
