// Working memory for samplers, shared by the streams of a model. There is as much as samplers work at a time, and the
// one that was used last is given out first: it is still in the caches, which the memory of every stream by itself
// would not fit.
#ifndef SKEIN_SAMPLING_SCRATCH_POOL_H_
#define SKEIN_SAMPLING_SCRATCH_POOL_H_

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "sampling/sampler.h"

namespace skein {

// Threads: any. It outlives its leases.
class ScratchPool {
 public:
  // Working memory until it goes.
  class Lease {
   public:
    Lease(ScratchPool& pool, std::unique_ptr<SamplingScratch> scratch) : pool_(pool), scratch_(std::move(scratch)) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { pool_.GiveBack(std::move(scratch_)); }

    SamplingScratch& operator*() const { return *scratch_; }

   private:
    ScratchPool& pool_;
    std::unique_ptr<SamplingScratch> scratch_;
  };

  // Throws std::bad_alloc if all are in use and there is no memory for another.
  Lease Take() { return Lease(*this, TakeOrMake()); }

  // Those that no lease has.
  size_t num_free() const {
    const MutexLock lock(mutex_);
    return free_.size();
  }

 private:
  std::unique_ptr<SamplingScratch> TakeOrMake();
  void GiveBack(std::unique_ptr<SamplingScratch> scratch) noexcept;

  mutable Mutex mutex_;
  std::vector<std::unique_ptr<SamplingScratch>> free_ ABSL_GUARDED_BY(mutex_);  // has room for all that were made
  size_t num_made_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace skein

#endif  // SKEIN_SAMPLING_SCRATCH_POOL_H_
