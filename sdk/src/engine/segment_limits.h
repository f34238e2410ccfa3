// The room that a model's devices make for its streams.
#ifndef SKEIN_ENGINE_SEGMENT_LIMITS_H_
#define SKEIN_ENGINE_SEGMENT_LIMITS_H_

#include <cstdint>

#include "devices/model_segment.h"
#include "model/model_file.h"
#include "runtime/options.h"

namespace skein {

// For `max_streams` streams. `options`, of kind MODEL, may have `max_batch_tokens`.
SegmentLimits LimitsFor(const ModelFile& file, const Options& options, uint32_t max_streams);

// For as many streams as `options` say.
SegmentLimits LimitsFor(const ModelFile& file, const Options& options);

}  // namespace skein

#endif  // SKEIN_ENGINE_SEGMENT_LIMITS_H_
