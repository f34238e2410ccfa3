#include "chat/turn_tree.h"

#include <cstddef>

namespace skein::cli {
namespace {

using Branches = std::vector<const TreeBranch*>;

constexpr size_t kMaxText = 60;

// The first characters of a text on one line, without white space at its ends.
std::string Shortened(const std::string& text) {
  std::string line;
  size_t num_characters = 0;
  bool is_behind_space = false;
  for (const char c : text) {
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
      is_behind_space = !line.empty();
      continue;
    }
    const bool goes_on = (static_cast<unsigned char>(c) & 0xC0) == 0x80;  // in a character of several bytes
    if (!goes_on && ++num_characters > kMaxText) return line + "...";
    if (is_behind_space) line.push_back(' ');
    is_behind_space = false;
    line.push_back(c);
  }
  return line;
}

// The names of the branches that end in front of turn number `index`.
std::string NamesOfEnds(const Branches& branches, size_t index) {
  std::string names;
  for (const TreeBranch* branch : branches) {
    if (branch->turns.size() != index) continue;
    names.append(names.empty() ? "  [" : ", ").append(branch->is_current ? "*" : "").append(branch->name);
  }
  return names.empty() ? names : names + "]";
}

// Adds the turns from number `index` on, which is the first where the branches may part.
void AddTurns(const Branches& branches, size_t index, size_t depth, std::string& text) {
  std::vector<Branches> parts;
  for (const TreeBranch* branch : branches) {
    if (branch->turns.size() <= index) continue;
    Branches* part = nullptr;
    for (Branches& known : parts) {
      if (known[0]->turns[index].id == branch->turns[index].id) part = &known;
    }
    (part != nullptr ? *part : parts.emplace_back()).push_back(branch);
  }
  for (const Branches& part : parts) {
    const size_t depth_of_part = depth + (parts.size() > 1 ? 1 : 0);
    text.append(2 * depth_of_part, ' ').append(std::to_string(index + 1)).append(". ");
    text.append(Shortened(part[0]->turns[index].text)).append(NamesOfEnds(part, index + 1)).append("\n");
    AddTurns(part, index + 1, depth_of_part, text);
  }
}

}  // namespace

std::string FormatTurnTree(const std::vector<TreeBranch>& branches) {
  Branches all;
  for (const TreeBranch& branch : branches) all.push_back(&branch);
  std::string text;
  if (const std::string names = NamesOfEnds(all, 0); !names.empty()) text = "0." + names + "\n";
  AddTurns(all, 0, 0, text);
  if (!text.empty()) text.pop_back();  // the last newline
  return text;
}

}  // namespace skein::cli
