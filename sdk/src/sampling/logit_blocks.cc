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
  blocks_.resize(num_blocks);
  is_changed_.assign(num_blocks, false);
  changed_blocks_.clear();
  if (size_ % kBlockSize == 0) {
    view_ = logits.data();
  } else {
    Copy(logits);
  }
  for (size_t i = 0; i < num_blocks; ++i) Summarise(i);
}

void LogitBlocks::Copy(absl::Span<const float> logits) {
  padded_.resize(blocks_.size() * kBlockSize);
  std::fill(std::copy(logits.begin(), logits.end(), padded_.begin()), padded_.end(), -kInfinity);
  view_ = nullptr;
}

void LogitBlocks::Add(uint32_t token, float change) {
  if (token >= size_) return;
  if (view_ != nullptr) Copy({view_, size_});
  padded_[token] += change;
  const uint32_t block = token / kBlockSize;
  if (is_changed_[block]) return;
  is_changed_[block] = true;
  changed_blocks_.push_back(block);
}

void LogitBlocks::Summarise(size_t block) {
  const float* const logits = data() + block * kBlockSize;
  blocks_[block] = kernels_->summarise_block(logits);
  const size_t size = std::min<size_t>(kBlockSize, size_ - block * kBlockSize);
  // The padding is no token.
  if (size < kBlockSize) blocks_[block].min = *std::min_element(logits, logits + size);
}

absl::Status LogitBlocks::Summarise() {
  for (const uint32_t block : changed_blocks_) Summarise(block);
  max_ = -kInfinity;
  min_ = kInfinity;
  bool is_sound = true;
  for (const BlockSummary& block : blocks_) {
    max_ = std::max(max_, block.max);
    min_ = std::min(min_, block.min);
    is_sound = is_sound && !block.has_nan;
  }
  if (!is_sound || max_ == kInfinity) {
    const auto bad =
        std::find_if(data(), data() + size_, [](float logit) { return std::isnan(logit) || logit == kInfinity; });
    return absl::InternalError(
        absl::StrCat("logits, token ", bad - data(), ": expected a finite number or minus infinity, found ", *bad));
  }
  if (max_ == -kInfinity) {
    return absl::FailedPreconditionError(
        absl::StrCat("logits: expected a token above minus infinity, found none among ", size_));
  }
  return absl::OkStatus();
}

}  // namespace skein
