// The progress of a long piece of work: load, convert, verify.
#ifndef SKEIN_BASE_PROGRESS_H_
#define SKEIN_BASE_PROGRESS_H_

#include <atomic>
#include <cstdint>

namespace skein {

// Threads: any may call anything. Two pieces of work that report to one Progress at a time overwrite each other's
// figures, and do no other harm.
class Progress {
 public:
  struct View {
    bool active;  // work runs
    uint64_t done_bytes;
    uint64_t total_bytes;
    const char* what;  // "" before the first work
  };

  // `what` is a string literal, such as "loading".
  void Start(const char* what, uint64_t total_bytes) {
    done_bytes_.store(0, std::memory_order_relaxed);
    total_bytes_.store(total_bytes, std::memory_order_relaxed);
    what_.store(what, std::memory_order_relaxed);
    active_.store(true, std::memory_order_relaxed);
  }
  void Advance(uint64_t bytes) { done_bytes_.fetch_add(bytes, std::memory_order_relaxed); }
  void Finish() { active_.store(false, std::memory_order_relaxed); }

  View view() const {
    return {active_.load(std::memory_order_relaxed), done_bytes_.load(std::memory_order_relaxed),
            total_bytes_.load(std::memory_order_relaxed), what_.load(std::memory_order_relaxed)};
  }

 private:
  std::atomic<bool> active_{false};
  std::atomic<uint64_t> done_bytes_{0};
  std::atomic<uint64_t> total_bytes_{0};
  std::atomic<const char*> what_{""};
};

// Marks a scope as work on `progress`, which may be nullptr: then nothing is reported.
class ProgressScope {
 public:
  ProgressScope(Progress* progress, const char* what, uint64_t total_bytes) : progress_(progress) {
    if (progress_ != nullptr) progress_->Start(what, total_bytes);
  }
  ~ProgressScope() {
    if (progress_ != nullptr) progress_->Finish();
  }
  ProgressScope(const ProgressScope&) = delete;
  ProgressScope& operator=(const ProgressScope&) = delete;

  void Advance(uint64_t bytes) const {
    if (progress_ != nullptr) progress_->Advance(bytes);
  }

 private:
  Progress* const progress_;
};

}  // namespace skein

#endif  // SKEIN_BASE_PROGRESS_H_
