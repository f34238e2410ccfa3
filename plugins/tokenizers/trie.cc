#include "tokenizers/trie.h"

#include <algorithm>
#include <deque>

namespace skein::tokenizers {

Trie::Trie(std::span<const std::string_view> keys, std::span<const uint32_t> values) {
  nodes_.resize(kBlockSize);
  is_used_.resize(kBlockSize, false);
  is_used_[kRoot] = true;

  // The keys of [first, last) share their first `depth` bytes, which lead to `node`.
  struct Branch {
    uint32_t node;
    uint32_t depth;
    size_t first;
    size_t last;
  };
  // Breadth first: the nodes near the root have many children, and find room while there is plenty. The many nodes with
  // a single child fill the gaps.
  std::deque<Branch> branches = {{kRoot, 0, 0, keys.size()}};
  std::vector<uint8_t> labels;
  std::vector<size_t> starts;  // of the keys of each label
  while (!branches.empty()) {
    Branch branch = branches.front();
    branches.pop_front();
    // A key that ends here is the first of those that start like it.
    if (branch.first < branch.last && keys[branch.first].size() == branch.depth) {
      nodes_[branch.node].value = values[branch.first++];
    }
    if (branch.first == branch.last) continue;

    labels.clear();
    starts.clear();
    for (size_t i = branch.first; i < branch.last; ++i) {
      const auto label = static_cast<uint8_t>(keys[i][branch.depth]);
      if (!labels.empty() && labels.back() == label) continue;
      labels.push_back(label);
      starts.push_back(i);
    }
    starts.push_back(branch.last);

    const uint32_t children = FindRoom(labels);
    nodes_[branch.node].children = children;
    for (size_t i = 0; i < labels.size(); ++i) {
      const uint32_t child = children ^ labels[i];
      is_used_[child] = true;
      nodes_[child].parent = branch.node;
      branches.push_back({child, branch.depth + 1, starts[i], starts[i + 1]});
    }
  }
  is_used_ = {};
}

uint32_t Trie::FindRoom(std::span<const uint8_t> labels) {
  // One child fits any gap. Several are tried in the newest places only, which bounds the time of adversarial keys.
  constexpr uint32_t kSearchSize = 4 * kBlockSize;
  while (first_free_ < nodes_.size() && is_used_[first_free_]) ++first_free_;
  const auto size = static_cast<uint32_t>(nodes_.size());
  uint32_t place = first_free_;
  if (labels.size() > 1) place = std::max(place, size - std::min(size, kSearchSize));
  for (; place < size; ++place) {
    const uint32_t children = place ^ labels[0];
    if (std::none_of(labels.begin(), labels.end(), [&](uint8_t label) { return is_used_[children ^ label]; })) {
      return children;
    }
  }
  nodes_.resize(size + kBlockSize);
  is_used_.resize(size + kBlockSize, false);
  return size;
}

}  // namespace skein::tokenizers
