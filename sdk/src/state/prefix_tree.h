// A radix tree of token sequences, with states at some of its nodes: which state has read the longest prefix of a
// prompt. It is a data structure alone: it runs nothing, has no lock, and looks at no state.
//
// - A state stands at a node, behind the tokens on the way there. Edges have any number of tokens. Where two sequences
//   part there is a node, a junction. The tokens of a path are freed with the last state below them.
// - Those who read a prompt now hold its path (PrefixReader), so that others see the tokens that will have a state
// soon.
// - Of the states, the one that saves least goes first: H = L + uses * tokens, where `tokens` are those behind the next
//   state above it, which would have to be read again, and L is the H of the state that went last (GreedyDual). So what
//   is not used for long ages, whatever it saved once.
//
// Sequences of different scopes share nothing. Nothing recurses over the depth of the tree.
#ifndef SKEIN_STATE_PREFIX_TREE_H_
#define SKEIN_STATE_PREFIX_TREE_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "state/state_pool.h"

namespace skein {

struct PrefixNode;

// Somebody who reads a sequence of tokens, or is about to. It stays where it is in memory while the tree has it.
struct PrefixReader {
  bool is_reading = false;  // has begun, and goes on
  uint64_t num_read = 0;    // tokens; it can stop at any number that is greater

 private:
  friend class PrefixTree;
  PrefixNode* leaf_ = nullptr;  // the end of its path; nullptr: it is not in the tree
  PrefixReader* next_ = nullptr;
  PrefixReader* previous_ = nullptr;
};

// A node. Its address stays the same until it is removed.
struct PrefixNode {
  uint64_t num_tokens = 0;  // on the way from the root
  StateRef state;           // behind them, if there is one
  // The reader that will leave a state here; nullptr: nobody. It is one whose path goes through the node.
  PrefixReader* promised_by = nullptr;

  PrefixNode* parent() const { return parent_; }  // nullptr: it is a root, with no tokens
  bool has_state() const { return has_state_; }
  uint32_t num_readers() const { return num_readers_; }  // whose path goes through the node

 private:
  friend class PrefixTree;
  struct Rank {
    double value;
    uint64_t id;
    PrefixNode* node;
    bool operator<(const Rank& other) const { return value != other.value ? value < other.value : id < other.id; }
  };
  using Ranks = std::set<Rank>;

  bool is_needed() const { return has_state_ || first_reader_ != nullptr || promised_by != nullptr; }

  PrefixNode* parent_ = nullptr;              // nullptr: a root
  const std::string* scope_ = nullptr;        // of a root
  std::vector<uint32_t> edge_;                // the tokens from the parent
  std::map<uint32_t, PrefixNode*> children_;  // by the first token of their edges
  PrefixReader* first_reader_ = nullptr;      // of those that end here
  uint32_t num_readers_ = 0;                  // that end here or below
  bool has_state_ = false;
  uint32_t num_uses_ = 0;
  double base_ = 0;  // L when it was used last
  Ranks::iterator rank_;
};

// Threads: one at a time. Functions that are not noexcept may throw std::bad_alloc; the tree holds no less then than it
// did before.
class PrefixTree {
 public:
  // The part of a sequence that the tree has.
  struct Match {
    PrefixNode* state = nullptr;  // the deepest node with a state
    uint64_t num_known = 0;       // tokens at the front that are in the tree
  };

  PrefixTree() = default;
  PrefixTree(const PrefixTree&) = delete;
  PrefixTree& operator=(const PrefixTree&) = delete;
  // The states are dropped. Readers that are left may not be used with a tree any more.
  ~PrefixTree();

  // The part of `tokens` that the tree has.
  Match Find(absl::string_view scope, absl::Span<const uint32_t> tokens) const;

  // The state of the node has been used.
  void Use(PrefixNode& node) noexcept;

  // The node behind `tokens`, at least one, which are added if they are not there. A node that gets no state, reader or
  // promise stays until a node below it goes, or until Tidy.
  PrefixNode& NodeAt(absl::string_view scope, absl::Span<const uint32_t> tokens);

  // Gives the node a state that has none.
  void SetState(PrefixNode& node, StateRef state);
  // Takes the state of a node, which has one; the node may be gone then.
  StateRef TakeState(PrefixNode& node) noexcept;

  // `reader` is going to read the tokens up to `node`, and leaves.
  void AddReader(PrefixReader& reader, PrefixNode& node) noexcept;
  void RemoveReader(PrefixReader& reader) noexcept;
  // The end of the reader's path; nullptr: it is not in the tree.
  static PrefixNode* LeafOf(const PrefixReader& reader) { return reader.leaf_; }
  // One of those that are reading, have the node on their path and have not come to it; nullptr: there is none among
  // the first of them.
  static PrefixReader* FindReader(PrefixNode& node) noexcept;

  // Drops a node that nobody needs, and those above it that were there for it alone.
  void Tidy(PrefixNode& node) noexcept;

  // The node whose state saves least; nullptr: there is no state.
  PrefixNode* FindLeast() noexcept;
  // The tokens of a node's path, and its scope.
  std::vector<uint32_t> PathOf(const PrefixNode& node) const;
  const std::string& ScopeOf(const PrefixNode& node) const;

  uint64_t num_states() const { return ranks_.size(); }
  // Tokens on edges.
  uint64_t num_tokens() const { return num_tokens_; }

 private:
  // A place on the way of a sequence: at the node, or on the edge to it.
  struct Place {
    PrefixNode* node = nullptr;  // nullptr: the scope has no tree
    uint64_t num_known = 0;
  };

  PrefixNode& RootOf(absl::string_view scope);
  // Follows `tokens` down, and calls `visit` with each node on the way.
  template <typename Visit>
  Place Walk(absl::string_view scope, absl::Span<const uint32_t> tokens, Visit visit) const;
  // Puts a node in front of the last `num_below` tokens of a node's edge.
  PrefixNode& Split(PrefixNode& node, uint64_t num_below);
  PrefixNode& AddLeaf(PrefixNode& parent, absl::Span<const uint32_t> edge);
  void JoinWithChild(PrefixNode& node) noexcept;
  void Remove(PrefixNode& node) noexcept;
  double RankOf(const PrefixNode& node) const noexcept;
  void Rerank(PrefixNode& node) noexcept;

  std::map<std::string, PrefixNode*, std::less<>> roots_;
  PrefixNode::Ranks ranks_;  // of the nodes with states
  uint64_t num_ids_ = 0;
  uint64_t num_tokens_ = 0;
  double last_rank_ = 0;  // L
};

}  // namespace skein

#endif  // SKEIN_STATE_PREFIX_TREE_H_
