#include "sampling/scratch_pool.h"

namespace skein {

std::unique_ptr<SamplingScratch> ScratchPool::TakeOrMake() {
  {
    const MutexLock lock(mutex_);
    if (!free_.empty()) {
      std::unique_ptr<SamplingScratch> scratch = std::move(free_.back());
      free_.pop_back();
      return scratch;
    }
  }
  auto made = std::make_unique<SamplingScratch>();
  const MutexLock lock(mutex_);
  free_.reserve(num_made_ + 1);
  ++num_made_;
  return made;
}

void ScratchPool::GiveBack(std::unique_ptr<SamplingScratch> scratch) noexcept {
  const MutexLock lock(mutex_);
  free_.push_back(std::move(scratch));
}

}  // namespace skein
