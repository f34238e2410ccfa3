// The nodes of histories (history.h): pieces of token sequences in a tree, which the histories of a stream and of its
// forks share. Only history.cc and checkpoint_store.cc use them.
#ifndef SKEIN_STATE_HISTORY_NODE_H_
#define SKEIN_STATE_HISTORY_NODE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "sampling/sampler_state.h"
#include "state/state_pool.h"

namespace skein {

class CheckpointStore;

// The common part of all nodes of one tree.
struct HistoryTree {
  HistoryTree(std::shared_ptr<CheckpointStore> kept_in, uint64_t first)
      : store(std::move(kept_in)), begin(first), end(first) {}

  const std::shared_ptr<CheckpointStore> store;
  const uint64_t begin;  // position of the first token that is known; in front of it are unknown ones
  StateRef start;        // the state at position 0, if that is where it begins; constant like the next
  std::shared_ptr<const SamplerState> sampler;  // the memory of the sampler there; constant once there are nodes

  // The store's, under its lock: for the order in which checkpoints go.
  uint64_t end;        // that the stream which kept a state last has reached, or is about to
  uint64_t turns = 0;  // that were begun
  double clock = 0;    // of the store, when a state was kept last
};

// The name of a checkpoint, and the position that it stands for: that of its node, or one token behind it. No state is
// kept at a node with a name, but at one in front of it that begins at the same position.
struct CheckpointName {
  std::string text;
  uint64_t position;
};

// Tokens from `begin` on. A child continues a node from the child's `begin` on, which may be in the middle of the node.
// The tokens in front of that are of both.
struct HistoryNode {
  HistoryNode(std::shared_ptr<HistoryTree> of, HistoryNode* behind, uint64_t first)
      : tree(std::move(of)), parent(behind), begin(first) {}

  std::atomic<uint32_t> num_references{1};
  std::atomic<uint32_t> num_used{0};  // tokens that some history has written; it alone continues behind them
  std::atomic<bool> was_kept{false};

  const std::shared_ptr<HistoryTree> tree;
  HistoryNode* const parent;  // one reference of it; nullptr for the first node of a tree
  const uint64_t begin;
  std::unique_ptr<const CheckpointName> name;  // constant once another thread sees the node

  // Written by the history that writes the first token, and read by those that have it.
  uint32_t capacity = 0;
  std::unique_ptr<uint32_t[]> tokens;
  std::shared_ptr<const SamplerState> sampler;  // as it was with the first token, which it has counted if it counts
  std::optional<double> decay;                  // the sampler counts these tokens, with this decay

  // The store's, under its lock.
  StateRef state;
  bool is_kept = false;
  bool begins_turn = false;
  bool is_named = false;
  uint64_t turn = 0;
  HistoryNode* next_kept = nullptr;
  HistoryNode* previous_kept = nullptr;
};

}  // namespace skein

#endif  // SKEIN_STATE_HISTORY_NODE_H_
