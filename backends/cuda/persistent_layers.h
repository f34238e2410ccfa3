// The layers of a segment of RWKV-7 as one launch takes them (kernels/persistent_step.h), for steps of one row, and
// which segments and steps may go so. All others take a kernel for each product, norm and recurrence.
#ifndef SKEIN_BACKENDS_CUDA_PERSISTENT_LAYERS_H_
#define SKEIN_BACKENDS_CUDA_PERSISTENT_LAYERS_H_

#include <cuda_runtime.h>

#include <cstdint>
#include <optional>

#include "cuda/batch_layout.h"
#include "cuda/device_memory.h"
#include "cuda/device_weights.h"
#include "cuda/kernels/batch.h"
#include "cuda/kernels/launch.h"
#include "cuda/kernels/persistent_step.h"
#include "cuda/state_form.h"
#include "equations/rwkv7_activations.h"
#include "equations/rwkv7_weights.h"
#include "skein/backend.h"

namespace skein::cuda {

// The device is current in every call. Threads: one at a time.
class PersistentLayers {
 public:
  using Weights = kit::Rwkv7Weights<DeviceMatrix, DeviceEmbedding>;

  // The table of a segment's layers, whose weights outlive it. nullopt where its steps of one row cannot go in one
  // launch: it has no layers, heads of another size than 64, rows too wide or no multiple of four, matrices of another
  // type than f16 or bf16 or of several, or the device has no room for blocks that wait for each other. Waits for
  // `stream`.
  static std::optional<PersistentLayers> Make(uint32_t device, uint32_t capability, const skein_segment_desc& desc,
                                              const StateForm& form, const Weights& weights, cudaStream_t stream);

  // The device's memory that it takes.
  static uint64_t Bytes(const skein_segment_desc& desc);

  // Whether a step of this size goes in one launch.
  static bool Takes(const StepCounts& counts) { return counts.num_rows == 1; }

  // Enqueues the layers of such a step.
  cudaError_t Run(const Queue& queue, const Batch& batch, const States& states, const kit::Rwkv7Activations& act) const;

 private:
  PersistentLayers() = default;

  PersistentArguments arguments_ = {};  // without the rows
  uint32_t num_blocks_ = 0;
  DeviceArray<PersistentLayer> layers_;
  DeviceArray<unsigned long long> arrivals_;  // NOLINT(google-runtime-int): as CUDA's atomic operations have it
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_PERSISTENT_LAYERS_H_
