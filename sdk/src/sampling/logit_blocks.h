// One row of logits as the filters look at it: whole blocks, with the extremes of each. So a search for
// the probable tokens touches only the few blocks that have any. A change of a few logits looks at their blocks alone.
#ifndef SKEIN_SAMPLING_LOGIT_BLOCKS_H_
#define SKEIN_SAMPLING_LOGIT_BLOCKS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "sampling/row_kernels.h"

namespace skein {

// Order: Assign, Add, Summarise, read. It allocates only for a row that is longer than all before.
// Threads: one at a time.
class LogitBlocks {
 public:
  static constexpr uint32_t kBlockSize = kLogitBlockSize;

  // Reads a row of whole blocks where it lies, until a logit is changed. So it must outlive what is read.
  void Assign(absl::Span<const float> logits);

  // Adds to the logit of a token. One that is not below the size of the row is passed over.
  void Add(uint32_t token, float change);

  // Finds the maxima. INTERNAL: a NaN or plus infinity, which no sound model gives; the message names the token.
  // FAILED_PRECONDITION: no token or none above minus infinity, so that there is nothing to draw.
  absl::Status Summarise();

  absl::Span<const float> logits() const { return {data(), size_}; }
  float max() const { return max_; }
  float min() const { return min_; }

  size_t num_blocks() const { return blocks_.size(); }
  const BlockSummary& summary(size_t block) const { return blocks_[block]; }

  // The number of blocks with a logit of at least `floor`.
  size_t NumBlocksFrom(float floor) const {
    return static_cast<size_t>(
        std::count_if(blocks_.begin(), blocks_.end(), [&](const BlockSummary& block) { return block.max >= floor; }));
  }

  // Calls visit(first_token, block) for the blocks with a logit of at least `floor`, in order of token. The last block
  // is padded with minus infinity.
  template <typename Visit>
  void ForEachBlockFrom(float floor, Visit visit) const {
    for (uint32_t i = 0; i < blocks_.size(); ++i) {
      if (blocks_[i].max >= floor) visit(i * kBlockSize, absl::MakeConstSpan(data() + i * kBlockSize, kBlockSize));
    }
  }

 private:
  const float* data() const { return view_ != nullptr ? view_ : padded_.data(); }
  void Copy(absl::Span<const float> logits);
  void Summarise(size_t block);

  const RowKernels* kernels_ = &BestRowKernels();
  const float* view_ = nullptr;  // null: the row is in padded_
  std::vector<float> padded_;
  std::vector<BlockSummary> blocks_;
  std::vector<uint32_t> changed_blocks_;  // each once
  std::vector<bool> is_changed_;          // per block
  size_t size_ = 0;
  float max_ = 0;
  float min_ = 0;
};

}  // namespace skein

#endif  // SKEIN_SAMPLING_LOGIT_BLOCKS_H_
