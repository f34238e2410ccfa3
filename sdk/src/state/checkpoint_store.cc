#include "state/checkpoint_store.h"

#include <algorithm>
#include <utility>

#include "state/history.h"
#include "state/history_node.h"

namespace skein {

uint64_t CheckpointStore::num_states() const {
  const MutexLock lock(mutex_);
  return num_states_;
}

uint64_t CheckpointStore::num_kept() const {
  const MutexLock lock(mutex_);
  return num_kept_;
}

uint64_t CheckpointStore::num_dropped() const {
  const MutexLock lock(mutex_);
  return num_dropped_;
}

bool CheckpointStore::LetGo(uint32_t num_states) noexcept {
  bool has_any = false;
  for (uint32_t i = 0; i < num_states; ++i) {
    StateRef gone;  // let go of behind the lock
    const MutexLock lock(mutex_);
    HistoryNode* const least = FindLeast();
    if (least == nullptr) break;
    gone = Evict(*least);
    has_any = true;
  }
  return has_any;
}

void CheckpointStore::Keep(HistoryNode& node, const StateRef& state, CheckpointKind kind, uint64_t num_ahead) noexcept {
  if (max_states_ == 0) return;
  node.was_kept.store(true, std::memory_order_relaxed);
  StateRef gone;
  const MutexLock lock(mutex_);
  HistoryTree& tree = *node.tree;
  tree.end = node.begin + num_ahead;
  tree.clock = clock_;
  if (kind == CheckpointKind::kTurn) {
    node.turn = ++tree.turns;
    node.begins_turn = true;
  }
  if (kind == CheckpointKind::kNamed) node.is_named = true;
  if (node.is_kept) return;
  Insert(node, state);
  if (num_states_ > max_states_) gone = Evict(*FindLeast());
}

void CheckpointStore::Forget(HistoryNode& node) noexcept {
  StateRef gone;
  const MutexLock lock(mutex_);
  if (node.is_kept) gone = Remove(node);
}

StateRef CheckpointStore::StateOf(const HistoryNode& node) const noexcept {
  const MutexLock lock(mutex_);
  return node.state;
}

HistoryNode* CheckpointStore::FindLeast() const noexcept {
  HistoryNode* least = nullptr;
  Rank rank_of_least;
  for (HistoryNode* node = first_; node != nullptr; node = node->next_kept) {
    const Rank rank = RankOf(*node);
    if (least != nullptr && rank_of_least <= rank) continue;
    least = node;
    rank_of_least = rank;
  }
  return least;
}

CheckpointStore::Rank CheckpointStore::RankOf(const HistoryNode& node) const noexcept {
  const HistoryTree& tree = *node.tree;
  const HistoryNode* before = node.parent;
  while (before != nullptr && !before->is_kept) before = before->parent;
  // A history from the start on can always begin with the initial state.
  const bool is_only_way = before == nullptr && tree.begin > 0;
  return {is_only_way, node.is_named, tree.clock + WorthOf(node, before)};
}

double CheckpointStore::WorthOf(const HistoryNode& node, const HistoryNode* before) const noexcept {
  const HistoryTree& tree = *node.tree;
  const uint64_t num_saved = node.begin - (before != nullptr ? before->begin : 0);
  uint64_t distance = tree.end - std::min(tree.end, node.begin);
  if (node.begins_turn) distance = std::min(distance, History::kSpacing * (tree.turns - node.turn));
  return static_cast<double>(num_saved) / static_cast<double>(History::kSpacing + distance);
}

void CheckpointStore::Insert(HistoryNode& node, const StateRef& state) noexcept {
  node.state = state;
  node.is_kept = true;
  node.next_kept = first_;
  if (first_ != nullptr) first_->previous_kept = &node;
  first_ = &node;
  ++num_states_;
  ++num_kept_;
}

StateRef CheckpointStore::Remove(HistoryNode& node) noexcept {
  if (node.next_kept != nullptr) node.next_kept->previous_kept = node.previous_kept;
  (node.previous_kept != nullptr ? node.previous_kept->next_kept : first_) = node.next_kept;
  node.next_kept = nullptr;
  node.previous_kept = nullptr;
  node.is_kept = false;
  --num_states_;
  return std::exchange(node.state, StateRef());
}

StateRef CheckpointStore::Evict(HistoryNode& node) noexcept {
  const auto [is_only_way, is_named, rank] = RankOf(node);
  // A state of a stream at rest outlives about as many others of its worth as there is room for.
  const double worth = rank - node.tree->clock;
  if (!is_only_way && !is_named) clock_ += worth / static_cast<double>(max_states_);
  ++num_dropped_;
  return Remove(node);
}

}  // namespace skein
