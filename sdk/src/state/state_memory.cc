#include "state/state_memory.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/pages.h"

namespace skein {
namespace {

// From here on a state has pages of its own, so that a state that goes gives its memory back to the system.
constexpr uint64_t kPagesFrom = 16 * 1024;

float* Allocate(uint64_t bytes) noexcept {
  if (bytes < kPagesFrom) return static_cast<float*>(::operator new(bytes, std::nothrow));
  return static_cast<float*>(MapPages(bytes));
}

void Free(float* piece, uint64_t bytes) noexcept {
  if (piece == nullptr) return;
  if (bytes < kPagesFrom) {
    ::operator delete(piece);
  } else {
    UnmapPages(piece, bytes);
  }
}

}  // namespace

float* StateMemory::Take() noexcept {
  float* const kept = TakeKept();
  return kept != nullptr ? kept : Allocate(bytes_);
}

float* StateMemory::TakeKept() noexcept {
  const MutexLock lock(mutex_);
  return num_kept_ == 0 ? nullptr : kept_[--num_kept_];
}

void StateMemory::GiveBack(float* piece, uint64_t most_kept) noexcept {
  if (piece == nullptr) return;
  {
    const MutexLock lock(mutex_);
    if (num_kept_ < std::min(most_kept, kMostKept)) {
      kept_[num_kept_++] = piece;
      return;
    }
  }
  Free(piece, bytes_);
}

void StateMemory::Keep(uint64_t num_pieces) noexcept {
  while (num_kept() > num_pieces) Free(TakeKept(), bytes_);
  for (uint64_t i = num_kept(); i < num_pieces; ++i) {
    float* const piece = Allocate(bytes_);
    if (piece == nullptr) return;
    std::memset(piece, 0, bytes_);
    GiveBack(piece, num_pieces);
  }
}

uint64_t StateMemory::num_kept() const {
  const MutexLock lock(mutex_);
  return num_kept_;
}

}  // namespace skein
