// The distribution of a quantity, counted in buckets whose bounds double.
#ifndef SKEIN_RUNTIME_HISTOGRAM_H_
#define SKEIN_RUNTIME_HISTOGRAM_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace skein {

// Bucket i counts the values above the bound of bucket i - 1 and up to 2^i units. The last bucket has no bound.
// Threads: any. An observation takes three additions and no lock, so a reader may see a count without its sum.
class Histogram {
 public:
  static constexpr size_t kMaxBuckets = 32;

  // `unit`: the bound of the first bucket. `num_buckets`: from 2 to kMaxBuckets.
  constexpr Histogram(uint64_t unit, size_t num_buckets) : unit_(unit), num_buckets_(num_buckets) {}

  void Observe(uint64_t value) noexcept {
    const uint64_t units = value == 0 ? 0 : (value - 1) / unit_;
    const size_t bucket = std::min<size_t>(std::bit_width(units), num_buckets_ - 1);
    counts_[bucket].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
  }

  size_t num_buckets() const { return num_buckets_; }
  // The largest value of a bucket; not of the last one.
  uint64_t Bound(size_t bucket) const { return unit_ << bucket; }
  uint64_t Count(size_t bucket) const { return counts_[bucket].load(std::memory_order_relaxed); }
  uint64_t sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  const uint64_t unit_;
  const size_t num_buckets_;
  std::array<std::atomic<uint64_t>, kMaxBuckets> counts_ = {};
  std::atomic<uint64_t> sum_{0};
};

// Durations in nanoseconds, in buckets from 1 microsecond to 67 seconds and more.
class TimeHistogram : public Histogram {
 public:
  constexpr TimeHistogram() : Histogram(1000, 28) {}
  void Observe(std::chrono::nanoseconds time) noexcept {
    Histogram::Observe(static_cast<uint64_t>(std::max<int64_t>(time.count(), 0)));
  }
};

// Counts from 1 to 65536.
class CountHistogram : public Histogram {
 public:
  constexpr CountHistogram() : Histogram(1, 18) {}
};

}  // namespace skein

#endif  // SKEIN_RUNTIME_HISTOGRAM_H_
