#include "sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status.h"
#include "sampling/random.h"

namespace skein {
namespace {

absl::Status RequireRange(absl::string_view name, double value, double low, double high) {
  // Written so that a NaN fails.
  if (value >= low && value <= high) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, ": expected ", low, " to ", high, ", found ", value));
}

}  // namespace

absl::Status ValidateSamplingParams(const SamplingParams& params, uint64_t vocab_size) {
  constexpr double kMaxTemperature = 100;
  constexpr double kMaxPenalty = 100;
  SKEIN_RETURN_IF_ERROR(RequireRange("temperature", params.temperature, 0, kMaxTemperature));
  SKEIN_RETURN_IF_ERROR(RequireRange("top_p", params.top_p, 0, std::numeric_limits<double>::infinity()));
  SKEIN_RETURN_IF_ERROR(RequireRange("min_p", params.min_p, 0, 1));
  SKEIN_RETURN_IF_ERROR(RequireRange("presence_penalty", params.presence_penalty, -kMaxPenalty, kMaxPenalty));
  SKEIN_RETURN_IF_ERROR(RequireRange("frequency_penalty", params.frequency_penalty, -kMaxPenalty, kMaxPenalty));
  SKEIN_RETURN_IF_ERROR(RequireRange("penalty_decay", params.penalty_decay, 0, 1));
  for (const LogitBias& bias : params.biases) {
    if (bias.token >= vocab_size) {
      return absl::InvalidArgumentError(
          absl::StrCat("logit bias: expected a token below ", vocab_size, ", found ", bias.token));
    }
    if (std::isnan(bias.bias) || bias.bias == std::numeric_limits<float>::infinity()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "logit bias of token ", bias.token, ": expected a finite number or minus infinity, found ", bias.bias));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> Sampler::Sample(absl::Span<const float> logits, uint64_t position,
                                         SamplingScratch& scratch) const {
  LogitBlocks& row = scratch.logits;
  row.Assign(logits);
  ApplyBias(params_.biases, row.mutable_logits());
  ApplyPenalties(occurrences_, params_.presence_penalty, params_.frequency_penalty, row.mutable_logits());
  SKEIN_RETURN_IF_ERROR(row.Summarise());
  if (params_.temperature == 0) return Argmax(row);

  const double uniform = UniformAt(params_.seed, params_.sample_index, position);
  const Cutoff cutoff =
      Stricter(TopKCutoff(row, params_.top_k, scratch.values),
               Stricter(TopPCutoff(row, params_.top_p, scratch.values), MinPCutoff(row, params_.min_p)));
  if (cutoff.logit == -std::numeric_limits<float>::infinity()) {  // nothing is filtered
    return static_cast<uint32_t>(DrawIndex(row.logits(), row.max(), params_.temperature, uniform, scratch.values));
  }
  Candidates& candidates = scratch.candidates;
  KeepCandidates(row, cutoff, candidates);
  return candidates.tokens[DrawIndex(candidates.logits, row.max(), params_.temperature, uniform, scratch.values)];
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
