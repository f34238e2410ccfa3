#include "sampling/logit_blocks.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"

namespace skein {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr uint32_t kNumLanes = 16;  // independent maxima, which the compiler keeps in vector registers

struct BlockSummary {
  float max;
  bool has_nan;
};

BlockSummary SummariseBlock(const float* block) {
  float lanes[kNumLanes];
  uint32_t nans[kNumLanes] = {};
  std::fill(lanes, lanes + kNumLanes, -kInfinity);
  for (uint32_t i = 0; i < LogitBlocks::kBlockSize; i += kNumLanes) {
    for (uint32_t lane = 0; lane < kNumLanes; ++lane) {
      const float logit = block[i + lane];
      lanes[lane] = logit > lanes[lane] ? logit : lanes[lane];
      nans[lane] |= logit != logit ? 1 : 0;
    }
  }
  return {*std::max_element(lanes, lanes + kNumLanes),
          std::any_of(nans, nans + kNumLanes, [](uint32_t nan) { return nan != 0; })};
}

}  // namespace

void LogitBlocks::Assign(absl::Span<const float> logits) {
  size_ = logits.size();
  padded_.resize((size_ + kBlockSize - 1) / kBlockSize * kBlockSize);
  std::fill(std::copy(logits.begin(), logits.end(), padded_.begin()), padded_.end(), -kInfinity);
}

absl::Status LogitBlocks::Summarise() {
  block_max_.resize(padded_.size() / kBlockSize);
  max_ = -kInfinity;
  bool is_sound = true;
  for (size_t i = 0; i < block_max_.size(); ++i) {
    const BlockSummary summary = SummariseBlock(&padded_[i * kBlockSize]);
    block_max_[i] = summary.max;
    max_ = std::max(max_, summary.max);
    is_sound = is_sound && !summary.has_nan;
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
