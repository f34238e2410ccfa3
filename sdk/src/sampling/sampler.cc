#include "sampling/sampler.h"

#include <limits>
#include <utility>

#include "base/status.h"
#include "sampling/random.h"

namespace skein {
absl::StatusOr<uint32_t> Sampler::Sample(absl::Span<const float> logits, uint64_t position,
                                         SamplingScratch& scratch) const {
  LogitBlocks& row = scratch.logits;
  row.Assign(logits);
  ApplyBias(params_.biases, row);
  ApplyPenalties(occurrences_, params_.presence_penalty, params_.frequency_penalty, row);
  SKEIN_RETURN_IF_ERROR(row.Summarise());
  if (params_.temperature == 0) return Argmax(row);

  const double uniform = UniformAt(params_.seed, params_.sample_index, position);
  Weights& weights = scratch.filters.weights;
  Cutoff cutoff = MinPCutoff(row, params_.min_p);
  cutoff = Stricter(cutoff, TopKCutoff(row, params_.top_k, cutoff.logit, scratch.filters));
  cutoff = Stricter(cutoff, TopPCutoff(row, params_.top_p, cutoff.logit, scratch.filters));
  if (cutoff.logit == -std::numeric_limits<float>::infinity()) {  // nothing is filtered
    return static_cast<uint32_t>(DrawIndex(row.logits(), row.max(), params_.temperature, uniform, weights));
  }
  Candidates& candidates = scratch.candidates;
  if (params_.temperature == 1 && params_.top_p < 1) {  // the filter has weighed the tokens
    KeepCandidates(row, cutoff, weights.values.data(), candidates);
    return candidates.TokenAt(DrawWeighted(candidates.values(), uniform, weights.block_sums));
  }
  KeepCandidates(row, cutoff, row.logits().data(), candidates);
  return candidates.TokenAt(DrawIndex(candidates.values(), row.max(), params_.temperature, uniform, weights));
}

void Sampler::Accept(uint32_t token) {
  if (has_penalties()) CountOccurrence(token, params_.penalty_decay, occurrences_);
}

void Sampler::ImportState(SamplerState state) {
  params_.seed = state.seed;
  params_.sample_index = state.sample_index;
  occurrences_ = std::move(state.occurrences);
}

}  // namespace skein
