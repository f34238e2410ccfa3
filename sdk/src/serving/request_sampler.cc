#include "serving/request_sampler.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "runtime/option_keys.h"

namespace skein {
namespace {

// The value of `key` that the request set, else the one in the model's manifest, else the key's default.
// INVALID_ARGUMENT: the manifest's value is out of the key's range. The request's value was checked when it was set.
absl::StatusOr<double> Resolve(const Options& options, const RealOption& key, std::optional<double> of_manifest) {
  if (const std::optional<double> found = options.Find(key)) return *found;
  if (!of_manifest.has_value()) return *key.value;
  SKEIN_RETURN_IF_ERROR(Annotate(key.Check(*of_manifest), "default_sampling of the model"));
  return *of_manifest;
}

// The manifest's top_p, where any number from 1 on means "off".
std::optional<double> TopPOfManifest(const SamplingDefaults& defaults) {
  if (!defaults.top_p.has_value()) return std::nullopt;
  return std::min(*defaults.top_p, request_options::kTopP.high);
}

// `last` is the memory of the sampler of the stream's last request; nullptr: there was none.
absl::StatusOr<SamplingParams> ResolveSampling(const RequestSpec& spec, const SamplingDefaults& defaults,
                                               const SamplerState* last) {
  namespace keys = request_options;
  const Options& options = spec.options;
  const int64_t top_k = defaults.top_k.has_value() ? int64_t{*defaults.top_k} : *keys::kTopK.value;
  SamplingParams params;
  SKEIN_ASSIGN_OR_RETURN(params.temperature, Resolve(options, keys::kTemperature, defaults.temperature));
  params.top_k = static_cast<uint64_t>(options.Find(keys::kTopK).value_or(top_k));
  SKEIN_ASSIGN_OR_RETURN(params.top_p, Resolve(options, keys::kTopP, TopPOfManifest(defaults)));
  SKEIN_ASSIGN_OR_RETURN(params.min_p, Resolve(options, keys::kMinP, defaults.min_p));
  SKEIN_ASSIGN_OR_RETURN(params.presence_penalty, Resolve(options, keys::kPresencePenalty, defaults.presence_penalty));
  SKEIN_ASSIGN_OR_RETURN(params.frequency_penalty,
                         Resolve(options, keys::kFrequencyPenalty, defaults.frequency_penalty));
  SKEIN_ASSIGN_OR_RETURN(params.penalty_decay, Resolve(options, keys::kPenaltyDecay, defaults.penalty_decay));
  const bool goes_on = last != nullptr && options[keys::kContinueSampling] != 0;
  const int64_t default_seed = goes_on ? static_cast<int64_t>(last->seed) : *keys::kSeed.value;
  params.seed = static_cast<uint64_t>(options.Find(keys::kSeed).value_or(default_seed));
  // The stream keeps the sample index of its last request.
  const uint64_t sample_index = last != nullptr ? last->sample_index : 0;
  params.sample_index =
      static_cast<uint64_t>(options.Find(keys::kSampleIndex).value_or(static_cast<int64_t>(sample_index)));
  params.biases = spec.biases;
  return params;
}

}  // namespace

absl::StatusOr<Sampler> MakeSampler(const RequestSpec& spec, const SamplingDefaults& defaults, const StreamState& at) {
  SKEIN_ASSIGN_OR_RETURN(SamplingParams params, ResolveSampling(spec, defaults, at.sampler.get()));
  Sampler sampler(std::move(params));
  if (spec.options[request_options::kContinueSampling] == 0) return sampler;
  if (!spec.prompt.empty()) {
    return absl::FailedPreconditionError(absl::StrCat("request: continue_sampling with a prompt of ",
                                                      spec.prompt.size(), " tokens; expected an empty prompt"));
  }
  if (at.sampler != nullptr) {
    SamplerState state = sampler.ExportState();
    state.occurrences = at.sampler->occurrences;
    sampler.ImportState(std::move(state));
  }
  return sampler;
}

Sampler SamplerOfSample(const Sampler& first, uint32_t sample) {
  Sampler sampler = first;
  SamplerState state = first.ExportState();
  state.sample_index += sample;
  sampler.ImportState(std::move(state));
  return sampler;
}

}  // namespace skein
