#include "tokenizers/bpe/merger.h"

#include <algorithm>
#include <bit>

namespace skein::tokenizers {
namespace {

constexpr uint32_t kNone = 0xFFFFFFFF;

// For a heap whose front is the candidate that goes first.
bool GoesLater(const MergeCandidate& a, const MergeCandidate& b) {
  return a.rank != b.rank ? a.rank > b.rank : a.position > b.position;
}

}  // namespace

Merger::Merger(std::span<const Merge> merges) : entries_(std::bit_ceil(merges.size() * 2 + 1)) {
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const uint64_t pair = Pair(merges[rank].left, merges[rank].right);
    entries_[Place(pair)] = {pair, static_cast<uint32_t>(rank), merges[rank].merged};
  }
}

// Where `pair` is, or where it would be.
size_t Merger::Place(uint64_t pair) const {
  const size_t mask = entries_.size() - 1;
  // Multiplication by 2^64 / golden ratio spreads neighbouring ids; the upper bits are the well mixed ones.
  size_t place = static_cast<size_t>((pair * 0x9E3779B97F4A7C15u) >> 32) & mask;
  while (entries_[place].pair != kNoPair && entries_[place].pair != pair) place = (place + 1) & mask;
  return place;
}

void Merger::MergeAll(MergeScratch* scratch, std::vector<uint32_t>* merged) const {
  const std::vector<uint32_t>& tokens = scratch->tokens;
  std::vector<MergeSymbol>& symbols = scratch->symbols;
  std::vector<MergeCandidate>& candidates = scratch->candidates;
  symbols.resize(tokens.size());
  candidates.clear();
  for (uint32_t i = 0; i < tokens.size(); ++i) {
    symbols[i] = {tokens[i], i == 0 ? kNone : i - 1, i + 1 == tokens.size() ? kNone : i + 1};
  }
  const auto find_candidate = [&](uint32_t position) {
    const uint32_t next = position == kNone ? kNone : symbols[position].next;
    if (next == kNone) return false;
    const Entry* entry = Find(symbols[position].token, symbols[next].token);
    if (entry == nullptr) return false;
    candidates.push_back({entry->rank, position, entry->merged});
    return true;
  };
  for (uint32_t i = 0; i < tokens.size(); ++i) find_candidate(i);
  std::make_heap(candidates.begin(), candidates.end(), GoesLater);

  while (!candidates.empty()) {
    std::pop_heap(candidates.begin(), candidates.end(), GoesLater);
    const MergeCandidate candidate = candidates.back();
    candidates.pop_back();
    // Earlier merges may have changed the pair, or taken its left part away.
    MergeSymbol& left = symbols[candidate.position];
    if (left.token == kNone || left.next == kNone) continue;
    MergeSymbol& right = symbols[left.next];
    const Entry* entry = Find(left.token, right.token);
    if (entry == nullptr || entry->merged != candidate.merged) continue;

    left.token = candidate.merged;
    left.next = right.next;
    if (right.next != kNone) symbols[right.next].previous = candidate.position;
    right.token = kNone;
    if (find_candidate(candidate.position)) std::push_heap(candidates.begin(), candidates.end(), GoesLater);
    if (find_candidate(left.previous)) std::push_heap(candidates.begin(), candidates.end(), GoesLater);
  }
  for (uint32_t i = tokens.empty() ? kNone : 0; i != kNone; i = symbols[i].next) merged->push_back(symbols[i].token);
}

}  // namespace skein::tokenizers
