// The room that a model makes for the streams of a step and for states, by its options.
#ifndef SKEIN_PLACEMENT_SEGMENT_LIMITS_H_
#define SKEIN_PLACEMENT_SEGMENT_LIMITS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "devices/model_segment.h"
#include "model/model_file.h"
#include "runtime/options.h"

namespace skein {

// The room that every device has, with `num_streams` streams in a step. `options`, of kind MODEL, may have
// `max_batch_tokens` and `state_memory`. INVALID_ARGUMENT: `state_memory` is no size, or too small for a step.
absl::StatusOr<SegmentLimits> LimitsFor(const ModelFile& file, const Options& options, uint32_t num_streams);

// For as many streams as `options` say.
absl::StatusOr<SegmentLimits> LimitsFor(const ModelFile& file, const Options& options);

// How many states may lie in host memory. INVALID_ARGUMENT: `state_host_memory` is no size.
absl::StatusOr<uint64_t> HostStatesFor(const ModelFile& file, const Options& options);

}  // namespace skein

#endif  // SKEIN_PLACEMENT_SEGMENT_LIMITS_H_
