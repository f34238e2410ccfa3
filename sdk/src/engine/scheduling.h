// How a model's steps are shared out, by its options and its devices.
#ifndef SKEIN_ENGINE_SCHEDULING_H_
#define SKEIN_ENGINE_SCHEDULING_H_

#include "devices/model_segment.h"
#include "engine/step_runner.h"
#include "runtime/options.h"
#include "scheduler/scheduler.h"

namespace skein {

// `options` are of kind MODEL.
SchedulerLimits SchedulingOf(const Options& options, const SegmentLimits& limits, const StepPipeline& pipeline);

}  // namespace skein

#endif  // SKEIN_ENGINE_SCHEDULING_H_
