// Jobs that the engine's thread is to look at, because something about them has changed. A job is its own link, so that
// nothing is allocated.
#ifndef SKEIN_ENGINE_NOTICED_JOBS_H_
#define SKEIN_ENGINE_NOTICED_JOBS_H_

#include <memory>
#include <utility>

#include "engine/job.h"

namespace skein {

// Threads: one at a time. A job is in one list at most.
class NoticedJobs {
 public:
  NoticedJobs() = default;
  NoticedJobs(const NoticedJobs&) = delete;
  NoticedJobs& operator=(const NoticedJobs&) = delete;
  ~NoticedJobs() {
    while (Take() != nullptr) {
    }
  }

  bool empty() const { return first_ == nullptr; }

  // No effect on a job that is in the list.
  void Add(std::shared_ptr<Job> job) noexcept {
    if (std::exchange(job->is_noticed_, true)) return;
    job->next_noticed_ = std::move(first_);
    first_ = std::move(job);
  }

  // Takes a job out; nullptr: there is none.
  std::shared_ptr<Job> Take() noexcept {
    if (first_ == nullptr) return nullptr;
    std::shared_ptr<Job> job = std::move(first_);
    first_ = std::move(job->next_noticed_);
    job->is_noticed_ = false;
    return job;
  }

 private:
  std::shared_ptr<Job> first_;
};

}  // namespace skein

#endif  // SKEIN_ENGINE_NOTICED_JOBS_H_
