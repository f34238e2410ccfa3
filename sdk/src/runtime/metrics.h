// Counters of one runtime, and the observers of its models.
#ifndef SKEIN_RUNTIME_METRICS_H_
#define SKEIN_RUNTIME_METRICS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/mutex.h"
#include "runtime/model_observer.h"

namespace skein {

// A counter for each library that a backend multiplies with. Threads: any.
class LibraryCounters {
 public:
  // A library appears with its first call, also with `count` 0. A call without memory for a new library's name counts
  // nothing, and so does one for a library more than kMaxLibraries: a plugin might give each step another name.
  void Add(absl::string_view library, uint64_t count) noexcept;
  std::map<std::string, uint64_t, std::less<>> Values() const;

 private:
  static constexpr size_t kMaxLibraries = 64;
  mutable Mutex mutex_;
  std::map<std::string, uint64_t, std::less<>> values_ ABSL_GUARDED_BY(mutex_);
};

// The models that are at work. Threads: any.
class ObservedModels {
 public:
  // A new observer of `model`, which gets a name that no other model at work has: a number is added to one that is
  // taken. It is known as long as the result lives.
  std::shared_ptr<ModelObserver> Add(ObservedModel model, Trace* trace);

  // The models now, in order of Add.
  std::vector<std::shared_ptr<const ModelObserver>> Values() const;

 private:
  mutable Mutex mutex_;
  std::vector<std::weak_ptr<const ModelObserver>> observers_ ABSL_GUARDED_BY(mutex_);
};

// Threads: any.
struct Metrics {
  std::atomic<uint64_t> steps{0};
  std::atomic<uint64_t> step_errors{0};  // steps that failed as a whole
  std::atomic<uint64_t> step_microseconds{0};
  std::atomic<uint64_t> prefill_tokens{0};   // known tokens fed
  std::atomic<uint64_t> decode_tokens{0};    // sampled tokens fed
  std::atomic<uint64_t> multiplications{0};  // in matrix products, on devices that count them
  LibraryCounters library_multiplications;   // the part of them that a library did, not the backends' own code
  std::atomic<uint64_t> requests_submitted{0};
  std::atomic<uint64_t> requests_done{0};
  std::atomic<uint64_t> requests_failed{0};
  std::atomic<uint64_t> requests_cancelled{0};
  std::atomic<uint64_t> evals{0};
  std::atomic<int64_t> streams{0};  // alive
  std::atomic<int64_t> models{0};   // loaded
  ObservedModels observed_models;

  // In the Prometheus text exposition format. What is of one model has its name as the label "model".
  std::string Text() const;
};

}  // namespace skein

#endif  // SKEIN_RUNTIME_METRICS_H_
