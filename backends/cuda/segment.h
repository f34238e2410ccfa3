// A part of a model on a GPU: its weights, its states, and its steps, which go on after they return.
//
// A step is: rows and slots into the device's memory, in one copy (batch_layout.h); the equations of its generation
// over ops.h, which enqueue kernels; what becomes of its logits (kernels/sample.h), and the check of its other results;
// the results into page-locked memory; an event. Nothing waits for the device but the fence (fence.h), and a step that
// finds two others unfinished.
#ifndef SKEIN_BACKENDS_CUDA_SEGMENT_H_
#define SKEIN_BACKENDS_CUDA_SEGMENT_H_

#include <cstdint>
#include <memory>

#include "cuda/fence.h"
#include "cuda/switches.h"
#include "kit/step_end.h"
#include "kit/work.h"
#include "skein/backend.h"

namespace skein::cuda {

// Order: Put for every tensor, Seal, then anything. Threads: one call at a time, from any thread.
class Segment {
 public:
  Segment() = default;
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;
  virtual ~Segment() = default;

  virtual void Put(const skein_tensor& tensor) = 0;
  virtual void Seal() = 0;
  // As StateSlots.
  virtual void InitState(uint32_t slot) = 0;
  virtual void CopyState(uint32_t from_slot, uint32_t to_slot) = 0;
  virtual void ExportState(uint32_t slot, float* state, uint64_t num_floats) = 0;
  virtual void ImportState(uint32_t slot, const float* state, uint64_t num_floats) = 0;
  // The fence of an export or import, or NULL if it is done: without the switch `async_states`, or if the state is
  // empty.
  virtual std::unique_ptr<Fence> BeginExport(uint32_t slot, float* state, uint64_t num_floats) = 0;
  virtual std::unique_ptr<Fence> BeginImport(uint32_t slot, const float* state, uint64_t num_floats) = 0;
  virtual void DiscardState(uint32_t slot) = 0;
  virtual kit::StepEnd<Fence> Step(const skein_step& step) = 0;
  virtual kit::Work TotalWork() const = 0;
};

// The place of a segment, and how it runs.
struct SegmentPlace {
  uint32_t device;      // CUDA's number
  uint32_t capability;  // of the device: 90 for 9.0
  Switches switches;
};

// A segment as `desc` describes it, which was checked. `host` outlives it. Throws UNIMPLEMENTED for shapes that the
// kernels do not take.
std::unique_ptr<Segment> MakeSegment(const skein_host& host, const SegmentPlace& place, const skein_segment_desc& desc);

// The device's memory that MakeSegment's segment would take, once it is sealed.
skein_segment_cost SegmentCost(const SegmentPlace& place, const skein_segment_desc& desc);

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_SEGMENT_H_
