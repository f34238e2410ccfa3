// A clock that a test turns. Engines that were started with it see its time.
#ifndef SKEIN_TESTS_SUPPORT_FAKE_CLOCK_H_
#define SKEIN_TESTS_SUPPORT_FAKE_CLOCK_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>

namespace skein::test {

// Copies show the same time. Threads: any.
class FakeClock {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  TimePoint Now() const { return TimePoint(std::chrono::microseconds(us_->load())); }
  void Advance(std::chrono::microseconds time) { *us_ += time.count(); }
  std::function<TimePoint()> AsFunction() const {
    return [clock = *this] { return clock.Now(); };
  }

 private:
  std::shared_ptr<std::atomic<int64_t>> us_ = std::make_shared<std::atomic<int64_t>>(1000000000);
};

}  // namespace skein::test

#endif  // SKEIN_TESTS_SUPPORT_FAKE_CLOCK_H_
