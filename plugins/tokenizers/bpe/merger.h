// The merges of a BPE vocabulary: which two neighbouring tokens become one, and which pair of a word goes first.
#ifndef SKEIN_PLUGINS_TOKENIZERS_BPE_MERGER_H_
#define SKEIN_PLUGINS_TOKENIZERS_BPE_MERGER_H_

#include <cstdint>
#include <span>
#include <vector>

namespace skein::tokenizers {

struct Merge {
  uint32_t left;    // the tokens that become one
  uint32_t right;   //
  uint32_t merged;  // the one that they become
};

// A token of a word, in a list by position; 0xFFFFFFFF is no position. A token that was merged into its left neighbour
// is out of the list, and 0xFFFFFFFF itself.
struct MergeSymbol {
  uint32_t token;
  uint32_t previous;
  uint32_t next;
};

// A pair that could be merged when it was found.
struct MergeCandidate {
  uint32_t rank;
  uint32_t position;  // of the left symbol
  uint32_t merged;
};

// The working memory of Merger::MergeAll, kept from one word to the next. For one thread at a time.
struct MergeScratch {
  std::vector<uint32_t> tokens;  // of the word, before merging: set by the caller
  std::vector<MergeSymbol> symbols;
  std::vector<MergeCandidate> candidates;
};

// Immutable; any thread.
class Merger {
 public:
  // `merges`: in order of rank, of which the first goes first; fewer than 2^31. Where a pair is listed twice, the later
  // one counts.
  explicit Merger(std::span<const Merge> merges);

  // Merges neighbours of `scratch->tokens`, always the pair of lowest rank and of these the leftmost, until no pair is
  // left, and appends the result to `*merged`. Takes time n log n.
  void MergeAll(MergeScratch* scratch, std::vector<uint32_t>* merged) const;

 private:
  struct Entry {
    uint64_t pair = kNoPair;
    uint32_t rank = 0;
    uint32_t merged = 0;
  };
  // No merge has this pair: ids are far smaller.
  static constexpr uint64_t kNoPair = ~uint64_t{0};

  static uint64_t Pair(uint32_t left, uint32_t right) { return uint64_t{left} << 32 | right; }
  size_t Place(uint64_t pair) const;
  // nullptr: the two do not merge.
  const Entry* Find(uint32_t left, uint32_t right) const {
    const Entry& entry = entries_[Place(Pair(left, right))];
    return entry.pair == kNoPair ? nullptr : &entry;
  }

  // A hash table with open addressing: a power of two of entries, at most half of them taken.
  std::vector<Entry> entries_;
};

}  // namespace skein::tokenizers

#endif  // SKEIN_PLUGINS_TOKENIZERS_BPE_MERGER_H_
