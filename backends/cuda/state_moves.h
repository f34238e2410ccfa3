// The exports and imports of states that go on beside steps.
//
// An export is: behind what wrote the slot last, the state in canonical layout into page-locked memory; a function on
// the host that copies it on to the caller's memory, so that nobody waits for that copy either; an event. No step waits
// for it. An import is the same backwards, behind what used the slot last. Steps that read the slot wait for it, and no
// others. That nothing writes the slot meanwhile is the caller's affair.
//
// There are two ways out and two ways in, each with a stream and memory of its own. The moves on a way follow each
// other, so that none takes the memory of one that has not ended, and the caller never waits for a way that is free.
#ifndef SKEIN_BACKENDS_CUDA_STATE_MOVES_H_
#define SKEIN_BACKENDS_CUDA_STATE_MOVES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "cuda/cuda_stream.h"
#include "cuda/device_memory.h"
#include "cuda/fence.h"
#include "cuda/state_form.h"
#include "cuda/state_slots.h"

namespace skein::cuda {

// The device is current in every call. Threads: one at a time.
class StateMoves {
 public:
  // Takes all memory now.
  StateMoves(uint32_t device, const StateForm& form, uint32_t num_slots);
  // Waits for all.
  ~StateMoves();
  StateMoves(const StateMoves&) = delete;
  StateMoves& operator=(const StateMoves&) = delete;

  // The device's memory that it takes.
  static uint64_t Bytes(const StateForm& form);

  // Begins the export of a slot to `state`, both checked, behind `writer`; NULL: what wrote the slot has ended.
  std::unique_ptr<Fence> BeginExport(const StateSlots& slots, uint32_t slot, cudaEvent_t writer, float* state);
  // Begins the import of `state` into a slot, both checked, behind `user`; NULL: what used the slot has ended.
  std::unique_ptr<Fence> BeginImport(StateSlots& slots, uint32_t slot, cudaEvent_t user, const float* state);

  // Has the stream of the steps go on behind the last import into a slot.
  void AwaitImport(uint32_t slot, cudaStream_t steps);

 private:
  struct Way {
    Way(uint32_t device, const StateForm& form);

    const CudaStream stream;
    const DeviceArray<float> canonical;  // if slots are not in the canonical layout
    const PinnedArray<float> staged;
  };
  static constexpr size_t kNumWays = 2;
  struct Direction {
    Direction(uint32_t device, const StateForm& form) : ways{Way(device, form), Way(device, form)} {}

    const Way& Next() { return ways[next++ % kNumWays]; }

    const std::array<Way, kNumWays> ways;
    size_t next = 0;
  };

  const uint32_t device_;
  const uint64_t num_floats_;
  Direction out_;
  Direction in_;
  // By slot: the import that the stream of the steps does not follow yet; NULL: there is none.
  std::vector<std::shared_ptr<EndOfStep>> imports_;
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_STATE_MOVES_H_
