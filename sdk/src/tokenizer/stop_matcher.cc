#include "tokenizer/stop_matcher.h"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace skein {

// The automaton of Aho and Corasick, "Efficient string matching", 1975. A node stands for a prefix of some stop string.
// After each byte the automaton is at the node of the longest prefix that the text ends with. That prefix must be held
// back.
class StopStrings {
 public:
  static constexpr uint32_t kRoot = 0;

  explicit StopStrings(absl::Span<const std::string> stops) {
    for (const std::string& stop : stops) Add(stop);
    Link();
  }

  uint32_t Next(uint32_t node, uint8_t byte) const {
    while (true) {
      const auto edge = edges_.find(Key(node, byte));
      if (edge != edges_.end()) return edge->second;
      if (node == kRoot) return kRoot;
      node = nodes_[node].fallback;
    }
  }

  uint32_t depth(uint32_t node) const { return nodes_[node].depth; }
  // The bytes of the longest stop string that ends at this node; 0: none does.
  uint32_t match_size(uint32_t node) const { return nodes_[node].match_size; }

 private:
  struct Node {
    uint32_t parent = kRoot;
    uint32_t depth = 0;
    uint32_t fallback = kRoot;  // of the longest proper suffix that is a node
    uint32_t match_size = 0;
    uint8_t byte = 0;  // of the edge from the parent
  };

  static uint64_t Key(uint32_t node, uint8_t byte) { return uint64_t{node} << 8 | byte; }

  void Add(const std::string& stop) {
    uint32_t node = kRoot;
    for (const char c : stop) {
      const auto byte = static_cast<uint8_t>(c);
      const auto next = static_cast<uint32_t>(nodes_.size());
      const auto [edge, is_new] = edges_.try_emplace(Key(node, byte), next);
      if (is_new) nodes_.push_back({node, nodes_[node].depth + 1, kRoot, 0, byte});
      node = edge->second;
    }
    nodes_[node].match_size = nodes_[node].depth;
  }

  // Fills fallback and match_size. Nodes nearer the root come first, since the others build on them.
  void Link() {
    std::vector<uint32_t> by_depth(nodes_.size());
    for (uint32_t i = 0; i < by_depth.size(); ++i) by_depth[i] = i;
    std::stable_sort(by_depth.begin(), by_depth.end(),
                     [&](uint32_t a, uint32_t b) { return nodes_[a].depth < nodes_[b].depth; });
    for (const uint32_t index : by_depth) {
      Node& node = nodes_[index];
      if (node.depth > 1) node.fallback = Next(nodes_[node.parent].fallback, node.byte);
      if (node.match_size == 0) node.match_size = nodes_[node.fallback].match_size;
    }
  }

  std::vector<Node> nodes_ = {Node()};
  std::unordered_map<uint64_t, uint32_t> edges_;
};

absl::StatusOr<StopMatcher> StopMatcher::Create(absl::Span<const std::string> stops) {
  constexpr uint64_t kMaxBytes = uint64_t{1} << 20;
  uint64_t num_bytes = 0;
  for (const std::string& stop : stops) {
    if (stop.empty()) return absl::InvalidArgumentError("stop string: expected at least one byte, found none");
    num_bytes += stop.size();
  }
  if (num_bytes > kMaxBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("stop strings: expected at most ", kMaxBytes, " bytes together, found ", num_bytes));
  }
  if (stops.empty()) return StopMatcher();
  return StopMatcher(std::make_shared<const StopStrings>(stops));
}

std::string StopMatcher::Push(absl::string_view bytes) {
  if (matched_) return "";
  if (stops_ == nullptr) return {bytes.data(), bytes.size()};
  std::string text = std::move(pending_);
  pending_.clear();
  for (const char c : bytes) {
    text.push_back(c);
    node_ = stops_->Next(node_, static_cast<uint8_t>(c));
    if (const uint32_t size = stops_->match_size(node_); size > 0) {
      text.erase(text.size() - size);
      matched_ = true;
      return text;
    }
  }
  const uint32_t held = stops_->depth(node_);
  pending_.assign(text, text.size() - held, held);
  text.erase(text.size() - held);
  return text;
}

std::string StopMatcher::Flush() {
  node_ = StopStrings::kRoot;
  return std::exchange(pending_, std::string());
}

}  // namespace skein
