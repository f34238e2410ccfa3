// The sampler of a request: the options that it set, over the defaults in the model's manifest.
#ifndef SKEIN_SERVING_REQUEST_SAMPLER_H_
#define SKEIN_SERVING_REQUEST_SAMPLER_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "engine/stream_state.h"
#include "model/metadata.h"
#include "sampling/sampler.h"
#include "serving/request.h"

namespace skein {

// The sampler of a request on a stream that stands at `at`. INVALID_ARGUMENT: a default of the manifest is out of its
// range. FAILED_PRECONDITION: the option continue_sampling is set, and there is a prompt.
absl::StatusOr<Sampler> MakeSampler(const RequestSpec& spec, const SamplingDefaults& defaults, const StreamState& at);

// The sampler of the request's sample `sample`, of which `first` is that of sample 0. Each has random numbers of its
// own.
Sampler SamplerOfSample(const Sampler& first, uint32_t sample);

}  // namespace skein

#endif  // SKEIN_SERVING_REQUEST_SAMPLER_H_
