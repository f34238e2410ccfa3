// The exports of states that go on beside steps.
//
// An export is: behind what wrote the slot last, the state in canonical layout into page-locked memory; a function on
// the host that copies it on to the caller's memory, so that nobody waits for that copy either; an event. It runs in a
// stream of the exports, and no step waits for it. That nothing writes the slot meanwhile is the caller's affair.
//
// There are two ways out, each with a stream and memory of its own. The exports on a way follow each other, so that
// none takes the memory of one that has not handed over its state, and the caller never waits for a way that is free.
#ifndef SKEIN_BACKENDS_CUDA_STATE_EXPORTS_H_
#define SKEIN_BACKENDS_CUDA_STATE_EXPORTS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "cuda/cuda_stream.h"
#include "cuda/device_memory.h"
#include "cuda/fence.h"
#include "cuda/state_form.h"
#include "cuda/state_slots.h"

namespace skein::cuda {

// The device is current in every call. Threads: one at a time.
class StateExports {
 public:
  // Takes all memory now.
  StateExports(uint32_t device, const StateForm& form);
  // Waits for all.
  ~StateExports();
  StateExports(const StateExports&) = delete;
  StateExports& operator=(const StateExports&) = delete;

  // The device's memory that it takes.
  static uint64_t Bytes(const StateForm& form);

  // Begins the export of a slot to `state`, both checked, behind `writer`; NULL: the slot is written.
  std::unique_ptr<Fence> Begin(const StateSlots& slots, uint32_t slot, cudaEvent_t writer, float* state);

 private:
  struct Way {
    Way(uint32_t device, const StateForm& form);

    const CudaStream stream;
    const DeviceArray<float> canonical;  // if slots are not in the canonical layout
    const PinnedArray<float> staged;
  };
  static constexpr size_t kNumWays = 2;

  const uint32_t device_;
  const uint64_t num_floats_;
  const std::array<Way, kNumWays> ways_;
  size_t next_way_ = 0;
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_STATE_EXPORTS_H_
