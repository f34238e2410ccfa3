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
  const Cutoff cutoff =
      Stricter(TopKCutoff(row, params_.top_k, scratch.filters),
               Stricter(TopPCutoff(row, params_.top_p, scratch.filters), MinPCutoff(row, params_.min_p)));
  if (cutoff.logit == -std::numeric_limits<float>::infinity()) {  // nothing is filtered
    return static_cast<uint32_t>(
        DrawIndex(row.logits(), row.max(), params_.temperature, uniform, scratch.filters.weights));
  }
  Candidates& candidates = scratch.candidates;
  KeepCandidates(row, cutoff, candidates);
  return candidates
      .tokens()[DrawIndex(candidates.logits(), row.max(), params_.temperature, uniform, scratch.filters.weights)];
}

void Sampler::Accept(uint32_t token) {
  if (!has_penalties()) return;
  Occurrence* found = nullptr;
  for (Occurrence& occurrence : occurrences_) {
    occurrence.weight *= params_.penalty_decay;
    if (occurrence.token == token) found = &occurrence;
  }
  if (found != nullptr) {
    found->weight += 1;
  } else {
    occurrences_.push_back({token, 1.0});
  }
}

void Sampler::ImportState(SamplerState state) {
  params_.seed = state.seed;
  params_.sample_index = state.sample_index;
  occurrences_ = std::move(state.occurrences);
}

}  // namespace skein
