#include "serving/device_sampling.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "sampling/filters.h"
#include "sampling/random.h"

namespace skein {
namespace {

// No token has this id, so a device that writes none is found out.
constexpr uint32_t kNoToken = std::numeric_limits<uint32_t>::max();

}  // namespace

bool DeviceSampling::Ask(const Sampler& sampler, uint64_t position, skein_step_entry& entry) {
  is_asked_ = false;
  if (!is_offered()) return false;
  const SamplingParams& params = sampler.params();
  const size_t num_changes = params.biases.size() + (sampler.has_penalties() ? sampler.occurrences().size() : 0);
  if (num_changes > SKEIN_MAX_BIAS) return false;
  if (num_changes > 0 && (features_ & SKEIN_FEATURE_MASK_AND_BIAS) == 0) return false;

  FindChanges(sampler);
  // Without penalties they never change, and a device may be looking at them.
  if (sampler.has_penalties() || biases_.size() != changes_.size()) WriteBiases(sampler);
  Draw& draw = draws_[position % kMostInFlight];
  draw.uniform = UniformAt(params.seed, params.sample_index, position);
  draw.sampling = {
      .struct_size = sizeof(draw.sampling),
      .top_k = static_cast<uint32_t>(std::min<uint64_t>(params.top_k, std::numeric_limits<uint32_t>::max())),
      .top_p = params.top_p,
      .min_p = params.min_p,
      .temperature = params.temperature,
      .uniforms = &draw.uniform};
  draw.token = kNoToken;

  entry.output = SKEIN_STEP_SAMPLE;
  entry.output_rows = draw.rows;
  entry.output_tokens = &draw.token;
  entry.bias = biases_.empty() ? nullptr : biases_.data();
  entry.num_bias = static_cast<uint32_t>(biases_.size());
  entry.sampling = &draw.sampling;
  is_asked_ = true;
  return true;
}

void DeviceSampling::WriteBiases(const Sampler& sampler) {
  const SamplingParams& params = sampler.params();
  biases_.clear();
  for (const Change& change : changes_) {
    const float bias = change.is_penalty ? -Penalty(sampler.occurrences()[change.index], params.presence_penalty,
                                                    params.frequency_penalty)
                                         : params.biases[change.index].bias;
    biases_.push_back({change.token, bias});
  }
}

void DeviceSampling::FindChanges(const Sampler& sampler) {
  const std::vector<LogitBias>& biases = sampler.params().biases;
  for (; num_biases_ < biases.size(); ++num_biases_) Insert({biases[num_biases_].token, false, num_biases_});
  if (!sampler.has_penalties()) return;
  const std::vector<Occurrence>& occurrences = sampler.occurrences();
  for (; num_occurrences_ < occurrences.size(); ++num_occurrences_) {
    Insert({occurrences[num_occurrences_].token, true, num_occurrences_});
  }
}

void DeviceSampling::Insert(Change change) {
  const auto place = std::upper_bound(changes_.begin(), changes_.end(), change,
                                      [](const Change& a, const Change& b) { return a.token < b.token; });
  changes_.insert(place, change);
}

absl::StatusOr<uint32_t> DeviceSampling::Token(uint64_t position, uint32_t vocab_size) const {
  const uint32_t token = draws_[position % kMostInFlight].token;
  if (token < vocab_size) return token;
  return absl::InternalError(
      absl::StrCat("the device drew token ", token, "; expected an id below the vocabulary's size ", vocab_size));
}

}  // namespace skein
