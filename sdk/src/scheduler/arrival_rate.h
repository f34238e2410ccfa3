// The rate at which something arrives, over the last seconds.
#ifndef SKEIN_SCHEDULER_ARRIVAL_RATE_H_
#define SKEIN_SCHEDULER_ARRIVAL_RATE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace skein {

// Older arrivals count less: by the factor e every kMemoryUs. Times are microseconds that do not go back.
class ArrivalRate {
 public:
  static constexpr double kMemoryUs = 2e6;
  static constexpr int64_t kLeastUs = 100000;

  void Add(double amount, int64_t now_us) {
    if (start_us_ < 0) start_us_ = last_us_ = now_us;
    sum_ = sum_ * Decay(now_us - last_us_) + amount;
    last_us_ = now_us;
  }

  // Per microsecond.
  double PerUs(int64_t now_us) const {
    if (start_us_ < 0) return 0;
    // In the first seconds the sum holds less than the memory. A burst at the start is spread over kLeastUs.
    const int64_t age_us = std::max(now_us - start_us_, kLeastUs);
    return sum_ * Decay(now_us - last_us_) / (kMemoryUs * (1 - Decay(age_us)));
  }

 private:
  static double Decay(int64_t us) { return std::exp(-static_cast<double>(us) / kMemoryUs); }

  double sum_ = 0;
  int64_t start_us_ = -1;
  int64_t last_us_ = -1;
};

}  // namespace skein

#endif  // SKEIN_SCHEDULER_ARRIVAL_RATE_H_
