// Steps that were captured once as graphs of CUDA, and are replayed: the kernels of a step in one launch. A graph holds
// addresses and sizes; slots and tokens are data in the device's memory (batch_layout.h).
#ifndef SKEIN_BACKENDS_CUDA_STEP_GRAPHS_H_
#define SKEIN_BACKENDS_CUDA_STEP_GRAPHS_H_

#include <cuda_runtime.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "cuda/batch_layout.h"

namespace skein::cuda {

// Threads: one at a time.
class StepGraphs {
 public:
  explicit StepGraphs(uint32_t device) : device_(device) {}

  // Launches the graph of a step of these sizes. At their first time it is captured from `enqueue`, which enqueues the
  // kernels in `stream` and does not wait; what it throws goes on to the caller.
  void Launch(const StepCounts& counts, cudaStream_t stream, const std::function<void()>& enqueue);

 private:
  struct GraphDeleter {
    void operator()(cudaGraphExec_t graph) const { cudaGraphExecDestroy(graph); }
  };
  using Graph = std::unique_ptr<std::remove_pointer_t<cudaGraphExec_t>, GraphDeleter>;

  Graph Capture(cudaStream_t stream, const std::function<void()>& enqueue) const;

  const uint32_t device_;
  std::map<std::pair<uint32_t, uint32_t>, Graph> graphs_;  // by rows and outputs
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_STEP_GRAPHS_H_
