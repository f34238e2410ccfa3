#include "cuda/step_graphs.h"

#include "cuda/cuda_error.h"

namespace skein::cuda {

void StepGraphs::Launch(const StepCounts& counts, cudaStream_t stream, const std::function<void()>& enqueue) {
  Graph& graph = graphs_[{counts.num_rows, counts.num_outputs}];
  if (graph == nullptr) graph = Capture(stream, enqueue);
  CheckCuda(device_, cudaGraphLaunch(graph.get(), stream), "launch of a graph");
}

StepGraphs::Graph StepGraphs::Capture(cudaStream_t stream, const std::function<void()>& enqueue) const {
  CheckCuda(device_, cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "capture");
  cudaGraph_t captured = nullptr;
  try {
    enqueue();
  } catch (...) {
    // The stream leaves the capture in any case.
    if (cudaStreamEndCapture(stream, &captured) == cudaSuccess) cudaGraphDestroy(captured);
    throw;
  }
  CheckCuda(device_, cudaStreamEndCapture(stream, &captured), "capture");
  cudaGraphExec_t graph = nullptr;
  const cudaError_t error = cudaGraphInstantiate(&graph, captured, 0);
  cudaGraphDestroy(captured);
  CheckCuda(device_, error, "graph");
  return Graph(graph);
}

}  // namespace skein::cuda
