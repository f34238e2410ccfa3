#include "state/history.h"

#include <algorithm>

#include "base/status.h"
#include "state/history_node.h"

namespace skein {
namespace {

constexpr uint64_t kMinTokensOfNode = 32;

HistoryNode* AddReference(HistoryNode* node) noexcept {
  if (node != nullptr) node->num_references.fetch_add(1, std::memory_order_relaxed);
  return node;
}

// A chain may be long, so that a node does not free the one before it.
void RemoveReference(HistoryNode* node) noexcept {
  while (node != nullptr && node->num_references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    if (node->was_kept.load(std::memory_order_relaxed)) node->tree->store->Forget(*node);
    HistoryNode* const parent = node->parent;
    delete node;
    node = parent;
  }
}

// The last node up to `node` whose state was to be kept, or the first of all.
HistoryNode* LastToBeKept(HistoryNode* node) noexcept {
  while (node->parent != nullptr && !node->was_kept.load(std::memory_order_relaxed)) node = node->parent;
  return node;
}

bool IsKept(const HistoryNode* node) noexcept { return !node->tree->store->StateOf(*node).empty(); }

// Bytes of the state that is kept where the node begins.
uint64_t BytesKeptAt(const HistoryNode* node) noexcept {
  const uint64_t begin = node->begin;
  while (node != nullptr && node->begin == begin && !IsKept(node)) node = node->parent;
  return node != nullptr && node->begin == begin ? node->tree->store->state_bytes() : 0;
}

}  // namespace

History::History(std::shared_ptr<CheckpointStore> store, uint64_t position, StateRef start,
                 std::shared_ptr<const SamplerState> sampler)
    : end_(position), last_kept_(position) {
  auto tree = std::make_shared<HistoryTree>(std::move(store), position);
  if (position == 0) tree->start = std::move(start);
  tree->sampler = std::move(sampler);
  node_ = new HistoryNode(std::move(tree), nullptr, position);
}

History::History(HistoryNode* node, uint64_t end) noexcept
    : node_(node), end_(end), last_kept_(LastToBeKept(node)->begin) {}

History::History(const History& other) noexcept
    : node_(AddReference(other.node_)), end_(other.end_), last_kept_(other.last_kept_) {}

History::~History() { RemoveReference(node_); }

uint64_t History::begin() const { return node_ != nullptr ? node_->tree->begin : 0; }

CheckpointStore* History::store() const { return node_ != nullptr ? node_->tree->store.get() : nullptr; }

void History::AddNode(std::unique_ptr<const CheckpointName> name) {
  auto node = std::make_unique<HistoryNode>(node_->tree, node_, end_);
  node->name = std::move(name);
  node_ = node.release();  // the reference of the node before is its child's now
}

bool History::AppendToNode(absl::Span<const uint32_t>& tokens, const std::shared_ptr<const SamplerState>& sampler,
                           std::optional<double> decay) {
  HistoryNode& node = *node_;
  auto num_used = static_cast<uint32_t>(end_ - node.begin);
  if (num_used > 0) {
    if (num_used == node.capacity || node.decay != decay) return false;
    if (!decay.has_value() && node.sampler != sampler) return false;
  }
  const uint64_t room = num_used > 0 ? node.capacity - num_used : kSpacing;
  const auto num_added = static_cast<uint32_t>(std::min<uint64_t>(tokens.size(), room));
  // The history that writes the first token owns the node until another history sees that token.
  if (!node.num_used.compare_exchange_strong(num_used, num_used + num_added, std::memory_order_acq_rel)) return false;
  if (end_ == node.begin) {
    // A stream of few tokens has small nodes.
    const uint64_t least = std::clamp(end_, kMinTokensOfNode, kSpacing);
    node.capacity = static_cast<uint32_t>(std::max<uint64_t>(num_added, least));
    node.tokens = std::make_unique<uint32_t[]>(node.capacity);
    node.sampler = sampler;
    node.decay = decay;
  }
  std::copy_n(tokens.begin(), num_added, node.tokens.get() + (end_ - node.begin));
  tokens.remove_prefix(num_added);
  end_ += num_added;
  return true;
}

void History::Append(absl::Span<const uint32_t> tokens, const std::shared_ptr<const SamplerState>& sampler,
                     std::optional<double> decay) {
  if (node_ == nullptr || tokens.empty()) return;
  History longer = *this;
  while (!tokens.empty()) {
    if (!longer.AppendToNode(tokens, sampler, decay)) longer.AddNode();
  }
  *this = std::move(longer);
}

void History::ReadTokens(uint64_t begin, absl::Span<uint32_t> tokens) const {
  uint64_t end = std::min(end_, begin + tokens.size());
  for (const HistoryNode* node = node_; node != nullptr && end > begin; node = node->parent) {
    if (node->begin >= end) continue;
    const uint64_t first = std::max(begin, node->begin);
    std::copy_n(node->tokens.get() + (first - node->begin), end - first, tokens.data() + (first - begin));
    end = first;
  }
}

History History::Until(uint64_t position) const noexcept {
  if (node_ == nullptr) return History();
  HistoryNode* node = node_;
  while (node->parent != nullptr &&
         (node->begin > position || (node->name != nullptr && node->name->position > position))) {
    node = node->parent;
  }
  return History(AddReference(node), position);
}

std::shared_ptr<const SamplerState> History::SamplerAtEnd() const {
  if (node_ == nullptr) return nullptr;
  const HistoryNode* node = node_;
  while (node->parent != nullptr && node->begin >= end_) node = node->parent;
  if (node->begin >= end_) return node->tree->sampler;
  // The first token is counted already.
  const uint64_t num_more = end_ - node->begin - 1;
  if (!node->decay.has_value() || node->sampler == nullptr || num_more == 0) return node->sampler;
  SamplerState state = *node->sampler;
  for (uint64_t i = 1; i <= num_more; ++i) CountOccurrence(node->tokens[i], *node->decay, state.occurrences);
  return std::make_shared<const SamplerState>(std::move(state));
}

void History::Keep(const StateRef& state, CheckpointKind kind, uint64_t num_ahead) noexcept {
  if (node_ == nullptr || end_ == 0) return;
  if (kind == CheckpointKind::kTurn && num_since_kept() < kNearby) {
    HistoryNode* const near = LastToBeKept(node_);
    if (near->begin == 0) return;  // the tree has that state
    if (IsKept(near)) {
      near->tree->store->Keep(*near, state, kind, num_ahead);
      return;
    }
  }
  HistoryNode* place = PlaceAtEnd();
  if (place == nullptr) {
    const absl::Status added = Guarded([&] {
      AddNode();
      return absl::OkStatus();
    });
    if (!added.ok()) return;  // the stream goes on without the checkpoint
    place = node_;
  }
  last_kept_ = end_;
  place->tree->store->Keep(*place, state, kind, num_ahead);
}

HistoryNode* History::PlaceAtEnd() const noexcept {
  HistoryNode* place = nullptr;  // the one that most histories share
  for (HistoryNode* node = node_; node != nullptr && node->begin == end_; node = node->parent) {
    if (node->name == nullptr) place = node;
  }
  return place;
}

void History::SetName(std::string name, uint64_t position) {
  if (node_ != nullptr) {
    AddNode(std::make_unique<const CheckpointName>(CheckpointName{std::move(name), position}));
  }
}

std::optional<uint64_t> History::Find(absl::string_view name, uint64_t limit) const {
  for (const HistoryNode* node = node_; node != nullptr; node = node->parent) {
    if (node->name == nullptr || node->name->text != name || node->name->position > limit) continue;
    return node->name->position;
  }
  return std::nullopt;
}

std::vector<StreamCheckpoint> History::Checkpoints(uint64_t limit) const {
  std::vector<StreamCheckpoint> checkpoints;
  std::optional<uint64_t> begin_of_name;  // a place with a name is listed by it alone
  for (const HistoryNode* node = node_; node != nullptr; node = node->parent) {
    if (node->name != nullptr && node->name->position <= limit) {
      checkpoints.push_back({node->name->position, node->name->text, BytesKeptAt(node)});
      begin_of_name = node->begin;
    } else if (node->begin != begin_of_name && node->begin <= limit && IsKept(node)) {
      checkpoints.push_back({node->begin, "", node->tree->store->state_bytes()});
    }
  }
  std::reverse(checkpoints.begin(), checkpoints.end());
  return checkpoints;
}

std::optional<History::Place> History::LastKept() const noexcept {
  for (HistoryNode* node = node_; node != nullptr; node = node->parent) {
    StateRef state = node->tree->store->StateOf(*node);
    if (!state.empty()) return Place{History(AddReference(node), node->begin), std::move(state)};
    if (node->parent == nullptr && node->begin == 0) return Place{History(AddReference(node), 0), node->tree->start};
  }
  return std::nullopt;
}

}  // namespace skein
