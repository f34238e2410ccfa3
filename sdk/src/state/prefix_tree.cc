#include "state/prefix_tree.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <new>

namespace skein {
namespace {

// The most nodes that are looked at to find a reader. The first ones will do nearly always.
constexpr int kMaxVisited = 64;

uint64_t CommonLength(absl::Span<const uint32_t> a, absl::Span<const uint32_t> b) {
  const size_t length = std::min(a.size(), b.size());
  return static_cast<uint64_t>(std::mismatch(a.begin(), a.begin() + length, b.begin()).first - a.begin());
}

}  // namespace

PrefixTree::~PrefixTree() {
  for (const auto& [scope, root] : roots_) {
    // Leaf by leaf, so that the depth of the tree is no matter.
    PrefixNode* node = root;
    while (node != nullptr) {
      if (!node->children_.empty()) {
        node = node->children_.begin()->second;
        continue;
      }
      PrefixNode* const parent = node->parent_;
      if (parent != nullptr) parent->children_.erase(parent->children_.begin());
      delete node;
      node = parent;
    }
  }
}

template <typename Visit>
PrefixTree::Place PrefixTree::Walk(absl::string_view scope, absl::Span<const uint32_t> tokens, Visit visit) const {
  const auto root = roots_.find(scope);
  if (root == roots_.end()) return {};
  Place place = {root->second, 0};
  while (place.num_known < tokens.size()) {
    const auto child = place.node->children_.find(tokens[place.num_known]);
    if (child == place.node->children_.end()) return place;
    place.node = child->second;
    const uint64_t length = CommonLength(place.node->edge_, tokens.subspan(place.num_known));
    place.num_known += length;
    if (length < place.node->edge_.size()) return place;
    visit(*place.node);
  }
  return place;
}

PrefixTree::Match PrefixTree::Find(absl::string_view scope, absl::Span<const uint32_t> tokens) const {
  Match match;
  const Place place = Walk(scope, tokens, [&match](PrefixNode& node) {
    if (node.has_state_) match.state = &node;
  });
  match.num_known = place.num_known;
  return match;
}

void PrefixTree::Use(PrefixNode& node) noexcept {
  ++node.num_uses_;
  node.base_ = last_rank_;
  if (node.has_state_) Rerank(node);
}

PrefixNode& PrefixTree::RootOf(absl::string_view scope) {
  const auto known = roots_.find(scope);
  if (known != roots_.end()) return *known->second;
  auto root = std::make_unique<PrefixNode>();
  const auto added = roots_.emplace(std::string(scope), root.get()).first;
  root->scope_ = &added->first;
  return *root.release();
}

PrefixNode& PrefixTree::NodeAt(absl::string_view scope, absl::Span<const uint32_t> tokens) {
  RootOf(scope);
  const Place place = Walk(scope, tokens, [](PrefixNode&) {});
  PrefixNode* node = place.node;
  try {
    if (place.num_known < node->num_tokens) node = &Split(*node, node->num_tokens - place.num_known);
    if (place.num_known < tokens.size()) node = &AddLeaf(*node, tokens.subspan(place.num_known));
  } catch (const std::bad_alloc&) {
    Tidy(*node);
    throw;
  }
  return *node;
}

PrefixNode& PrefixTree::Split(PrefixNode& node, uint64_t num_below) {
  PrefixNode& parent = *node.parent_;
  const auto length = static_cast<std::ptrdiff_t>(node.edge_.size() - num_below);
  auto upper = std::make_unique<PrefixNode>();
  std::vector<uint32_t> below(node.edge_.begin() + length, node.edge_.end());
  upper->edge_.assign(node.edge_.begin(), node.edge_.begin() + length);
  upper->children_.emplace(below[0], &node);
  upper->num_tokens = node.num_tokens - num_below;
  upper->parent_ = &parent;
  upper->num_readers_ = node.num_readers_;
  node.edge_.swap(below);
  node.parent_ = upper.get();
  parent.children_.find(upper->edge_[0])->second = upper.get();
  return *upper.release();
}

PrefixNode& PrefixTree::AddLeaf(PrefixNode& parent, absl::Span<const uint32_t> edge) {
  auto leaf = std::make_unique<PrefixNode>();
  leaf->edge_.assign(edge.begin(), edge.end());
  leaf->num_tokens = parent.num_tokens + edge.size();
  leaf->parent_ = &parent;
  parent.children_.emplace(edge[0], leaf.get());
  num_tokens_ += edge.size();
  return *leaf.release();
}

void PrefixTree::SetState(PrefixNode& node, StateRef state) {
  node.num_uses_ = 1;
  node.base_ = last_rank_;
  node.rank_ = ranks_.insert({RankOf(node), ++num_ids_, &node}).first;
  node.has_state_ = true;
  node.state = std::move(state);
}

StateRef PrefixTree::TakeState(PrefixNode& node) noexcept {
  last_rank_ = std::max(last_rank_, node.rank_->value);
  ranks_.erase(node.rank_);
  node.has_state_ = false;
  StateRef state = std::move(node.state);
  node.state = StateRef();
  Tidy(node);
  return state;
}

void PrefixTree::AddReader(PrefixReader& reader, PrefixNode& node) noexcept {
  reader.leaf_ = &node;
  reader.previous_ = nullptr;
  reader.next_ = node.first_reader_;
  if (reader.next_ != nullptr) reader.next_->previous_ = &reader;
  node.first_reader_ = &reader;
  for (PrefixNode* above = &node; above != nullptr; above = above->parent_) ++above->num_readers_;
}

void PrefixTree::RemoveReader(PrefixReader& reader) noexcept {
  PrefixNode& node = *reader.leaf_;
  (reader.previous_ != nullptr ? reader.previous_->next_ : node.first_reader_) = reader.next_;
  if (reader.next_ != nullptr) reader.next_->previous_ = reader.previous_;
  reader.leaf_ = nullptr;
  for (PrefixNode* above = &node; above != nullptr; above = above->parent_) {
    --above->num_readers_;
    if (above->promised_by == &reader) above->promised_by = nullptr;
  }
  Tidy(node);
}

PrefixReader* PrefixTree::FindReader(PrefixNode& top) noexcept {
  PrefixNode* node = &top;
  for (int num_visited = 0; num_visited < kMaxVisited; ++num_visited) {
    for (PrefixReader* reader = node->first_reader_; reader != nullptr && ++num_visited < kMaxVisited;
         reader = reader->next_) {
      if (reader->is_reading && reader->num_read < top.num_tokens) return reader;
    }
    // The next node in order: down, else to the right of the nearest one above that has something there.
    auto next = node->children_.begin();
    auto end = node->children_.end();
    while (true) {
      next = std::find_if(next, end, [](const auto& child) { return child.second->num_readers_ > 0; });
      if (next != end) break;
      if (node == &top) return nullptr;
      PrefixNode* const parent = node->parent_;
      next = std::next(parent->children_.find(node->edge_[0]));
      end = parent->children_.end();
      node = parent;
    }
    node = next->second;
  }
  return nullptr;
}

void PrefixTree::Tidy(PrefixNode& node) noexcept {
  PrefixNode* unneeded = &node;
  while (unneeded != nullptr && !unneeded->is_needed() && unneeded->children_.empty()) {
    PrefixNode* const parent = unneeded->parent_;
    Remove(*unneeded);
    unneeded = parent;
  }
  if (unneeded != nullptr && !unneeded->is_needed() && unneeded->parent_ != nullptr &&
      unneeded->children_.size() == 1) {
    JoinWithChild(*unneeded);
  }
}

void PrefixTree::Remove(PrefixNode& node) noexcept {
  num_tokens_ -= node.edge_.size();
  if (node.parent_ != nullptr) {
    node.parent_->children_.erase(node.edge_[0]);
  } else {
    roots_.erase(roots_.find(*node.scope_));
  }
  delete &node;
}

void PrefixTree::JoinWithChild(PrefixNode& node) noexcept {
  PrefixNode& child = *node.children_.begin()->second;
  try {
    node.edge_.insert(node.edge_.end(), child.edge_.begin(), child.edge_.end());
  } catch (const std::bad_alloc&) {
    return;  // one node more than need be
  }
  child.edge_.swap(node.edge_);
  child.parent_ = node.parent_;
  node.parent_->children_.find(child.edge_[0])->second = &child;
  delete &node;
}

double PrefixTree::RankOf(const PrefixNode& node) const noexcept {
  const PrefixNode* above = node.parent_;
  while (above != nullptr && !above->has_state_) above = above->parent_;
  const uint64_t num_saved = node.num_tokens - (above == nullptr ? 0 : above->num_tokens);
  return node.base_ + static_cast<double>(node.num_uses_) * static_cast<double>(num_saved);
}

void PrefixTree::Rerank(PrefixNode& node) noexcept {
  auto handle = ranks_.extract(node.rank_);
  handle.value().value = RankOf(node);
  node.rank_ = ranks_.insert(std::move(handle)).position;
}

// A state that went has left more to those below it: their ranks are mended when they come up.
PrefixNode* PrefixTree::FindLeast() noexcept {
  while (!ranks_.empty()) {
    PrefixNode& node = *ranks_.begin()->node;
    if (RankOf(node) <= ranks_.begin()->value) return &node;
    Rerank(node);
  }
  return nullptr;
}

std::vector<uint32_t> PrefixTree::PathOf(const PrefixNode& node) const {
  std::vector<uint32_t> path(node.num_tokens);
  for (const PrefixNode* part = &node; part != nullptr; part = part->parent_) {
    std::copy(part->edge_.begin(), part->edge_.end(),
              path.begin() + static_cast<std::ptrdiff_t>(part->num_tokens - part->edge_.size()));
  }
  return path;
}

const std::string& PrefixTree::ScopeOf(const PrefixNode& node) const {
  const PrefixNode* root = &node;
  while (root->parent_ != nullptr) root = root->parent_;
  return *root->scope_;
}

}  // namespace skein
