#include "cuda/logit_wishes.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "skein/status.h"

namespace skein::cuda {
namespace {

LogitWish SampleWish(const skein_sampling& sampling, double uniform) {
  constexpr double kMostScale = std::numeric_limits<float>::max();
  LogitWish wish = {};
  wish.output = LogitOutput::kToken;
  wish.top_k = sampling.top_k;
  wish.scale = sampling.temperature == 0 ? 0 : static_cast<float>(std::min(1 / sampling.temperature, kMostScale));
  wish.top_p = sampling.top_p;
  wish.log_min_p = std::log(sampling.min_p);  // minus infinity where the filter is off
  wish.uniform = uniform;
  return wish;
}

LogitWish WishOf(const kit::PlannedEntry& planned, uint32_t row) {
  const skein_step_entry& entry = *planned.entry;
  if (entry.output == SKEIN_STEP_SAMPLE) return SampleWish(planned.sampling, planned.sampling.uniforms[row]);
  LogitWish wish = {};
  wish.output = entry.output == SKEIN_STEP_TOP_K ? LogitOutput::kGreatest : LogitOutput::kLogits;
  wish.top_k = entry.output == SKEIN_STEP_TOP_K ? entry.top_k : 0;
  return wish;
}

}  // namespace

void LogitWishes::Read(const kit::StepPlan& plan) {
  rows_.assign(plan.logits().size() + plan.num_reduced(), LogitWish{});
  biases_.clear();
  masks_.clear();
  has_greatest_ = false;
  for (const kit::PlannedEntry& planned : plan.entries()) {
    const uint32_t output = planned.entry->output;
    if (output == SKEIN_STEP_LOGITS || output == SKEIN_STEP_TOP_K || output == SKEIN_STEP_SAMPLE) Add(planned);
  }
}

void LogitWishes::Add(const kit::PlannedEntry& planned) {
  if (planned.num_outputs == 0) return;
  const skein_step_entry& entry = *planned.entry;
  const auto first_bias = static_cast<uint32_t>(biases_.size());
  uint32_t mask = kNoMask;
  biases_.insert(biases_.end(), entry.bias, entry.bias + entry.num_bias);
  if (entry.mask != nullptr) {
    mask = static_cast<uint32_t>(masks_.size() / num_mask_words_);
    masks_.insert(masks_.end(), entry.mask, entry.mask + num_mask_words_);
  }
  for (uint32_t row = 0; row < planned.num_outputs; ++row) {
    LogitWish& wish = rows_[planned.first_output + row];
    wish = WishOf(planned, row);
    wish.first_bias = first_bias;
    wish.num_biases = entry.num_bias;
    wish.mask = mask;
  }
  has_greatest_ = has_greatest_ || entry.output == SKEIN_STEP_TOP_K;
}

int32_t CodeOf(LogitStatus status) {
  switch (status) {
    case LogitStatus::kGood:
      return SKEIN_OK;
    case LogitStatus::kNotFinite:
      return SKEIN_DATA_LOSS;
    case LogitStatus::kNoToken:
      return SKEIN_FAILED_PRECONDITION;
  }
  return SKEIN_INTERNAL;
}

void HandOut(const kit::PlannedEntry& planned, uint32_t row, const LogitResult& result, const RankedLogit* greatest) {
  const skein_step_entry& entry = *planned.entry;
  if (entry.output == SKEIN_STEP_SAMPLE) {
    entry.output_tokens[row] = result.token;
    entry.output_rows[size_t{row} * 2] = result.logit;
    entry.output_rows[size_t{row} * 2 + 1] = result.log_sum_exp;
    return;
  }
  float* const logits = entry.output_rows + size_t{row} * (entry.top_k + 1);
  for (uint32_t rank = 0; rank < entry.top_k; ++rank) {
    logits[rank] = greatest[rank].logit;
    entry.output_tokens[size_t{row} * entry.top_k + rank] = greatest[rank].token;
  }
  logits[entry.top_k] = result.log_sum_exp;
}

}  // namespace skein::cuda
