// What a thread does while it waits for the others: it fetches the weights that it will multiply by next. The memory
// bus is the limit of decoding, and would lie idle whenever a thread has done its share, or norms, decays and the
// recurrence are computed.
#ifndef SKEIN_BACKENDS_ONEDNN_WEIGHTS_TRAIL_H_
#define SKEIN_BACKENDS_ONEDNN_WEIGHTS_TRAIL_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace skein::onednn {

// Where one participant's share of each product of a step begins, as the steps before had it: every step goes through
// the same products, and shares stay the same from token to token. Only a hint: where it is wrong, nothing but time is
// lost. Threads: its participant's, and no cache line is shared with another's.
class alignas(64) WeightsTrail {
 public:
  // Most that is fetched before a product: a part of any second-level cache.
  static constexpr uint64_t kMostBytes = 128 << 10;

  // For steps of so many products, of which later ones are not followed: what a step does must not fail.
  explicit WeightsTrail(size_t num_products) { ranges_.reserve(num_products); }

  // A step begins.
  void Restart() {
    product_ = 0;
    Aim();
  }

  // The participant begins its share of the next product, at `weights`, of which `bytes` follow each other.
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

  // Asks for a cache line more of what comes next. False: there is nothing more to ask for.
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
  Range next_;                 // what is left to fetch of it
};

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_WEIGHTS_TRAIL_H_
