// Steps that were captured once as graphs of CUDA, and are replayed: the kernels of a step in one launch. A graph holds
// addresses and sizes; slots and tokens are data in the device's memory (batch_layout.h).
//
// The first step of a size is no graph. CUDA loads a kernel when it is first launched, and cuBLASLt settles then how it
// multiplies: neither is for a stream that is captured. The second is captured. A size that cannot be captured goes
// without a graph from then on.
#ifndef SKEIN_BACKENDS_CUDA_STEP_GRAPHS_H_
#define SKEIN_BACKENDS_CUDA_STEP_GRAPHS_H_

#include <cuda_runtime.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "cuda/batch_layout.h"
#include "skein/backend.h"

namespace skein::cuda {

// Multiplications that a library was given in a step, by what their number goes with. Rows that fill a step up count.
struct LibraryWork {
  uint64_t of_rows = 0;
  uint64_t of_logits = 0;

  // Of a step of these sizes, in one that has room for more rows.
  uint64_t Share(const StepCounts& step, const StepCounts& room) const;

  friend bool operator==(const LibraryWork&, const LibraryWork&) = default;
};

// Threads: one at a time.
class StepGraphs {
 public:
  // Graphs that are kept: the one that was used least recently makes room.
  static constexpr uint32_t kMostGraphs = 32;

  using Warn = std::function<void(const std::string& line)>;
  // `warn` gets a line for each size of step that cannot be captured.
  StepGraphs(uint32_t device, Warn warn) : device_(device), warn_(std::move(warn)) {}

  // The device's memory that the graphs of a segment take, whose steps are graphs up to `most_rows` rows. The driver
  // does not tell it: it is counted by launches.
  static uint64_t Bytes(const skein_segment_desc& desc, uint32_t most_rows);

  // Enqueues a step of these sizes in `stream`, as a graph where there is one. `enqueue` enqueues its kernels, does not
  // wait, and returns what it gave to a library; what it throws outside a capture goes on to the caller.
  LibraryWork Launch(const StepCounts& counts, cudaStream_t stream, const std::function<LibraryWork()>& enqueue);

 private:
  struct GraphDeleter {
    // A graph that still runs is freed when it has ended.
    void operator()(cudaGraphExec_t graph) const { cudaGraphExecDestroy(graph); }
  };
  using Graph = std::unique_ptr<std::remove_pointer_t<cudaGraphExec_t>, GraphDeleter>;

  struct Size {
    bool is_plain = false;  // it cannot be captured
    bool was_run = false;
    LibraryWork work;  // of the first step, and so of the graph
    Graph graph;       // NULL: not captured, or it made room
    uint64_t last_use = 0;
  };

  // NULL, after a warning: it cannot be captured. The stream has left the capture in any case.
  Graph TryCapture(const StepCounts& counts, const LibraryWork& expected, cudaStream_t stream,
                   const std::function<LibraryWork()>& enqueue) const;
  Graph Capture(const LibraryWork& expected, cudaStream_t stream, const std::function<LibraryWork()>& enqueue) const;
  void MakeRoom();

  const uint32_t device_;
  const Warn warn_;
  std::map<std::pair<uint32_t, uint32_t>, Size> sizes_;  // by rows and outputs
  uint64_t num_launches_ = 0;
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_STEP_GRAPHS_H_
