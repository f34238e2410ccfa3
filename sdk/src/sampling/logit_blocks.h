// One row of logits as the filters look at it: a copy in whole blocks, with the maximum of each block. So a search for
// the probable tokens touches only the few blocks that have any.
#ifndef SKEIN_SAMPLING_LOGIT_BLOCKS_H_
#define SKEIN_SAMPLING_LOGIT_BLOCKS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace skein {

// Order: Assign, change the values, Summarise, read. It allocates only for a row that is longer than all before.
// Threads: one at a time.
class LogitBlocks {
 public:
  static constexpr uint32_t kBlockSize = 64;

  void Assign(absl::Span<const float> logits);
  absl::Span<float> mutable_logits() { return absl::MakeSpan(padded_.data(), size_); }

  // Finds the maxima. INTERNAL: a NaN or plus infinity, which no sound model gives; the message names the token.
  // FAILED_PRECONDITION: no token or none above minus infinity, so that there is nothing to draw.
  absl::Status Summarise();

  absl::Span<const float> logits() const { return {padded_.data(), size_}; }
  float max() const { return max_; }

  // Calls visit(first_token, block) for the blocks with a logit of at least `floor`, in order of token. The last block
  // is padded with minus infinity.
  template <typename Visit>
  void ForEachBlockFrom(float floor, Visit visit) const {
    for (uint32_t i = 0; i < block_max_.size(); ++i) {
      if (block_max_[i] >= floor) visit(i * kBlockSize, absl::MakeConstSpan(&padded_[i * kBlockSize], kBlockSize));
    }
  }

 private:
  std::vector<float> padded_;
  std::vector<float> block_max_;
  size_t size_ = 0;
  float max_ = 0;
};

}  // namespace skein

#endif  // SKEIN_SAMPLING_LOGIT_BLOCKS_H_
