// Memory for states of one size, of which some pieces are kept when they are freed. A copy into pages that were touched
// takes a fraction of the time of one into fresh pages: a first touch stops the thread until the system has cleared
// the page.
#ifndef SKEIN_STATE_STATE_MEMORY_H_
#define SKEIN_STATE_STATE_MEMORY_H_

#include <array>
#include <cstdint>

#include "base/mutex.h"

namespace skein {

// Threads: any. All pieces come back before it goes.
class StateMemory {
 public:
  // The most pieces that are kept.
  static constexpr uint64_t kMostKept = 4;

  explicit StateMemory(uint64_t state_floats) : bytes_(state_floats * sizeof(float)) {}
  ~StateMemory() { Keep(0); }
  StateMemory(const StateMemory&) = delete;
  StateMemory& operator=(const StateMemory&) = delete;

  // Memory for one state, with unset values. nullptr: there is none.
  float* Take() noexcept;
  // `piece` as Take gave it; may be nullptr. It is kept if fewer than `most_kept` are.
  void GiveBack(float* piece, uint64_t most_kept) noexcept;

  // Keeps so many pieces, kMostKept at most, each of which was touched: frees those beyond, and makes those that lack.
  void Keep(uint64_t num_pieces) noexcept;

  uint64_t num_kept() const;

 private:
  // A kept piece; nullptr: there is none.
  float* TakeKept() noexcept;

  const uint64_t bytes_;
  mutable Mutex mutex_;
  std::array<float*, kMostKept> kept_ ABSL_GUARDED_BY(mutex_) = {};
  uint64_t num_kept_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace skein

#endif  // SKEIN_STATE_STATE_MEMORY_H_
