// A map from byte strings to numbers that finds the longest key at the start of a text.
#ifndef SKEIN_PLUGINS_TOKENIZERS_TRIE_H_
#define SKEIN_PLUGINS_TOKENIZERS_TRIE_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace skein::tokenizers {

// A double array: the child of node `n` for byte `b` is nodes_[n].children ^ b, if that node's parent is n. So a step
// is one load, and the nodes of the World vocabulary take 1.5 MB, which stays in a core's second-level cache.
// Immutable; any thread.
class Trie {
 public:
  struct Match {
    uint32_t value = 0;
    uint32_t size = 0;  // bytes of the key; 0: no key matches
  };

  // `keys`: distinct, not empty, ascending as unsigned bytes; values[i] is that of keys[i] and below 2^32 - 1. Neither
  // `keys` nor `values` is needed afterwards. Time and memory are linear in the bytes of the keys.
  Trie(std::span<const std::string_view> keys, std::span<const uint32_t> values);

  // The longest key that `text` starts with.
  Match LongestPrefix(std::span<const uint8_t> text) const {
    Match match;
    uint32_t at = kRoot;
    for (uint32_t i = 0; i < text.size(); ++i) {
      const uint32_t next = nodes_[at].children ^ text[i];
      if (nodes_[next].parent != at) break;
      at = next;
      if (nodes_[at].value != kNone) match = {nodes_[at].value, i + 1};
    }
    return match;
  }

 private:
  static constexpr uint32_t kRoot = 0;
  static constexpr uint32_t kNone = 0xFFFFFFFF;
  // Nodes are added a block at a time. The children of one node are in one block, so children ^ byte is always inside.
  static constexpr uint32_t kBlockSize = 256;

  struct Node {
    uint32_t parent = kNone;  // kNone: the place is free, or it is the root
    uint32_t children = 0;
    uint32_t value = kNone;  // kNone: no key ends here
  };

  // A place `p` such that p ^ label is free for all of `labels`.
  uint32_t FindRoom(std::span<const uint8_t> labels);

  std::vector<Node> nodes_;
  std::vector<bool> is_used_;  // while building
  uint32_t first_free_ = 0;    // while building: no place before it is free
};

}  // namespace skein::tokenizers

#endif  // SKEIN_PLUGINS_TOKENIZERS_TRIE_H_
