// The clock of the benchmarks, and figures of many times.
#ifndef SKEIN_TESTS_BENCH_TIMES_H_
#define SKEIN_TESTS_BENCH_TIMES_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

namespace skein::bench {

using Clock = std::chrono::steady_clock;

inline double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Of an even number of values, the upper one of the two in the middle.
inline double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// The value below which `share` of the others lie.
inline double Quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(share * static_cast<double>(values.size() - 1))];
}

}  // namespace skein::bench

#endif  // SKEIN_TESTS_BENCH_TIMES_H_
