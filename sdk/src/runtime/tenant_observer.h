// The measurements of the tenants of one model. Their queues are the scheduler's; here are the tokens that they were
// served, and the times that they waited for them.
#ifndef SKEIN_RUNTIME_TENANT_OBSERVER_H_
#define SKEIN_RUNTIME_TENANT_OBSERVER_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/mutex.h"
#include "runtime/histogram.h"

namespace skein {

// Functions named On… take a few additions and allocate nothing. Threads: any.
class TenantObserver {
 public:
  // `name` is any text; "" is the common tenant. `shown` is the name as it leaves the library.
  TenantObserver(absl::string_view name, absl::string_view shown) : name_(name), shown_(shown) {}
  TenantObserver(const TenantObserver&) = delete;
  TenantObserver& operator=(const TenantObserver&) = delete;

  // So many known tokens were fed.
  void OnFed(uint64_t num_tokens) noexcept { num_fed_.fetch_add(num_tokens, std::memory_order_relaxed); }
  // A token was drawn.
  void OnDrawn() noexcept { num_drawn_.fetch_add(1, std::memory_order_relaxed); }
  // As those of the model [model_observer.h].
  void OnFirstToken(std::chrono::nanoseconds time) noexcept { first_token_time_.Observe(time); }
  void OnNextToken(std::chrono::nanoseconds time) noexcept { token_gap_.Observe(time); }

  const std::string& name() const { return name_; }
  const std::string& shown() const { return shown_; }
  uint64_t num_fed() const { return num_fed_.load(std::memory_order_relaxed); }
  uint64_t num_drawn() const { return num_drawn_.load(std::memory_order_relaxed); }
  const TimeHistogram& first_token_time() const { return first_token_time_; }
  const TimeHistogram& token_gap() const { return token_gap_; }

 private:
  const std::string name_;
  const std::string shown_;
  std::atomic<uint64_t> num_fed_{0};
  std::atomic<uint64_t> num_drawn_{0};
  TimeHistogram first_token_time_;
  TimeHistogram token_gap_;
};

// The tenants of a model. Hosts name as many as they like, so only the first kMaxTenants have observers of their own,
// for as long as the model lives, and the others share one. Threads: any.
class TenantObservers {
 public:
  static constexpr size_t kMaxTenants = 32;

  // The observer of the tenant called `name`. Lives as long as this object.
  TenantObserver& Of(absl::string_view name);

  // Those of their own, by name.
  std::vector<const TenantObserver*> Values() const;
  // The shared one; nullptr if nobody needed it so far.
  const TenantObserver* others() const;

 private:
  mutable Mutex mutex_;
  // By the name as it is shown: two names that look the same are one tenant here.
  std::map<std::string, TenantObserver, std::less<>> observers_ ABSL_GUARDED_BY(mutex_);
  bool has_others_ ABSL_GUARDED_BY(mutex_) = false;
  TenantObserver others_{"", ""};
};

}  // namespace skein

#endif  // SKEIN_RUNTIME_TENANT_OBSERVER_H_
