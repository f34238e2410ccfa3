// The states that the histories of a model keep as checkpoints [history.h], within a budget for all of them together.
// When it is used up, the checkpoint goes whose loss costs least: the tokens to read again from the one before it,
// divided by the distance to the end of its stream, as going back far is rare. To the start of a turn, each later turn
// counts as no more than History::kSpacing tokens. Checkpoints with names go after all others, and after those the ones
// in front of which the tokens are not known. Those of streams at rest lose against others with time.
#ifndef SKEIN_STATE_CHECKPOINT_STORE_H_
#define SKEIN_STATE_CHECKPOINT_STORE_H_

#include <cstdint>
#include <tuple>

#include "base/mutex.h"
#include "state/state_owner.h"
#include "state/state_pool.h"

namespace skein {

struct HistoryNode;

// Why a state is kept where it is.
enum class CheckpointKind {
  kPart,   // kSpacing tokens were read
  kTurn,   // a turn begins
  kNamed,  // the host named the place
};

// Threads: any. Allocates nothing. No state is let go of under its lock.
class CheckpointStore final : public StateOwner {
 public:
  // Keeps at most `max_states` states of `state_bytes` bytes each; 0: none.
  CheckpointStore(uint64_t max_states, uint64_t state_bytes) : max_states_(max_states), state_bytes_(state_bytes) {}
  CheckpointStore(const CheckpointStore&) = delete;
  CheckpointStore& operator=(const CheckpointStore&) = delete;

  uint64_t max_states() const { return max_states_; }
  uint64_t state_bytes() const { return state_bytes_; }
  uint64_t num_states() const;
  uint64_t num_kept() const;     // so far
  uint64_t num_dropped() const;  // of these, for want of room

  bool LetGo(uint32_t num_states) noexcept override;

  // --- for histories ---

  // Keeps `state` at the node's begin, if it is worth more than what it would drive out. The stream is about to read
  // `num_ahead` tokens behind it.
  void Keep(HistoryNode& node, const StateRef& state, CheckpointKind kind, uint64_t num_ahead) noexcept;
  // The node is about to be freed.
  void Forget(HistoryNode& node) noexcept;
  // Empty: the node's state is not kept.
  StateRef StateOf(const HistoryNode& node) const noexcept;

 private:
  // In order of going: those whose first elements are less go first.
  using Rank = std::tuple<bool, bool, double>;

  HistoryNode* FindLeast() const noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Rank RankOf(const HistoryNode& node) const noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  double WorthOf(const HistoryNode& node, const HistoryNode* before) const noexcept
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Insert(HistoryNode& node, const StateRef& state) noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  StateRef Remove(HistoryNode& node) noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Lets go of the state at the node for want of room.
  StateRef Evict(HistoryNode& node) noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const uint64_t max_states_;
  const uint64_t state_bytes_;
  mutable Mutex mutex_;
  HistoryNode* first_ ABSL_GUARDED_BY(mutex_) = nullptr;
  uint64_t num_states_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t num_kept_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t num_dropped_ ABSL_GUARDED_BY(mutex_) = 0;
  double clock_ ABSL_GUARDED_BY(mutex_) = 0;  // what lets states of streams at rest lose: rises with each that goes
};

}  // namespace skein

#endif  // SKEIN_STATE_CHECKPOINT_STORE_H_
