// The branches of a conversation as text: turns that branches have in common are shown once.
#ifndef SKEIN_CLI_CHAT_TURN_TREE_H_
#define SKEIN_CLI_CHAT_TURN_TREE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace skein::cli {

struct TreeTurn {
  uint64_t id;  // the same in all branches that share the turn
  std::string text;
};

struct TreeBranch {
  std::string name;
  bool is_current = false;
  std::vector<TreeTurn> turns;
};

// One line for each turn, the first of a branch behind the turn that it parts at, and the names of the branches where
// they end; a star is before the current one.
std::string FormatTurnTree(const std::vector<TreeBranch>& branches);

}  // namespace skein::cli

#endif  // SKEIN_CLI_CHAT_TURN_TREE_H_
