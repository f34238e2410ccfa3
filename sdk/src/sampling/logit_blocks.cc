#include "sampling/logit_blocks.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"

namespace skein {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

}  // namespace

void LogitBlocks::Assign(absl::Span<const float> logits) {
  size_ = logits.size();
  const size_t num_blocks = (size_ + kBlockSize - 1) / kBlockSize;
  padded_.resize(num_blocks * kBlockSize);
  blocks_.resize(num_blocks);
  is_changed_.assign(num_blocks, false);
  changed_blocks_.clear();
  const size_t num_whole = size_ / kBlockSize;
  for (size_t i = 0; i < num_whole; ++i) Summarise(i, &logits[i * kBlockSize]);
  if (num_whole == num_blocks) return;
  std::fill(std::copy(logits.begin() + static_cast<std::ptrdiff_t>(num_whole * kBlockSize), logits.end(),
                      padded_.begin() + static_cast<std::ptrdiff_t>(num_whole * kBlockSize)),
            padded_.end(), -kInfinity);
  Summarise(num_whole, &padded_[num_whole * kBlockSize]);
}

void LogitBlocks::Add(uint32_t token, float change) {
  if (token >= size_) return;
  padded_[token] += change;
  const uint32_t block = token / kBlockSize;
  if (is_changed_[block]) return;
  is_changed_[block] = true;
  changed_blocks_.push_back(block);
}

void LogitBlocks::Summarise(size_t block, const float* logits) {
  const size_t start = block * kBlockSize;
  blocks_[block] = kernels_->copy_block(logits, &padded_[start]);
  const size_t size = std::min<size_t>(kBlockSize, size_ - start);
  // The padding is no token.
  if (size < kBlockSize) blocks_[block].min = *std::min_element(&padded_[start], &padded_[start] + size);
}

absl::Status LogitBlocks::Summarise() {
  for (const uint32_t block : changed_blocks_) Summarise(block, &padded_[block * kBlockSize]);
  max_ = -kInfinity;
  min_ = kInfinity;
  bool is_sound = true;
  for (const BlockSummary& block : blocks_) {
    max_ = std::max(max_, block.max);
    min_ = std::min(min_, block.min);
    is_sound = is_sound && !block.has_nan;
  }
  if (!is_sound || max_ == kInfinity) {
    const auto bad = std::find_if(padded_.begin(), padded_.end(),
                                  [](float logit) { return std::isnan(logit) || logit == kInfinity; });
    return absl::InternalError(absl::StrCat("logits, token ", bad - padded_.begin(),
                                            ": expected a finite number or minus infinity, found ", *bad));
  }
  if (max_ == -kInfinity) {
    return absl::FailedPreconditionError(
        absl::StrCat("logits: expected a token above minus infinity, found none among ", size_));
  }
  return absl::OkStatus();
}

}  // namespace skein
