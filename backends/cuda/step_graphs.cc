#include "cuda/step_graphs.h"

#include <algorithm>
#include <set>
#include <span>

#include "cuda/cuda_error.h"
#include "support/boundary.h"

namespace skein::cuda {
namespace {

// NVIDIA's own cache of graphs takes it for what a kernel of a graph costs, https://github.com/NVIDIA/cccl/pull/3768.
constexpr uint64_t kLaunchBytes = 10 * 1024;
// At most: a layer has up to ten launches of our own, and a library's product three where ours are one.
constexpr uint64_t kLayerLaunches = 24;
constexpr uint64_t kOtherLaunches = 8;

}  // namespace

uint64_t LibraryWork::Share(const StepCounts& step, const StepCounts& room) const {
  // All products of a step have its rows, and those of logits its rows of logits.
  const uint64_t rows = of_rows / std::max(room.num_rows, 1u) * step.num_rows;
  return rows + of_logits / std::max(room.num_logit_rows(), 1u) * step.num_logit_rows();
}

uint64_t StepGraphs::Bytes(const skein_segment_desc& desc, uint32_t most_rows) {
  std::set<uint32_t> rows;
  for (uint32_t i = 1; i <= most_rows && rows.size() < kMostGraphs; ++i) {
    const auto bucket = BucketOf({.num_rows = i, .num_sequences = i}, most_rows);
    if (bucket) rows.insert(bucket->num_rows);
  }
  const uint64_t outputs = (desc.flags & SKEIN_SEGMENT_HEAD) != 0 ? 2 : 1;  // with logits and without
  const uint64_t num_graphs = std::min<uint64_t>(rows.size() * outputs, kMostGraphs);
  return num_graphs * (desc.num_layers * kLayerLaunches + kOtherLaunches) * kLaunchBytes;
}

LibraryWork StepGraphs::Launch(const StepCounts& counts, cudaStream_t stream,
                               const std::function<LibraryWork()>& enqueue) {
  Size& size = sizes_[{counts.num_rows, counts.num_outputs}];
  size.last_use = ++num_launches_;
  if (size.is_plain) return enqueue();
  if (!size.was_run) {
    size.work = enqueue();
    size.was_run = true;
    return size.work;
  }
  if (size.graph == nullptr) {
    MakeRoom();
    size.graph = TryCapture(counts, size.work, stream, enqueue);
    size.is_plain = size.graph == nullptr;
    if (size.is_plain) return enqueue();
  }
  CheckCuda(device_, cudaGraphLaunch(size.graph.get(), stream), "launch of a graph");
  return size.work;
}

StepGraphs::Graph StepGraphs::TryCapture(const StepCounts& counts, const LibraryWork& expected, cudaStream_t stream,
                                         const std::function<LibraryWork()>& enqueue) const {
  try {
    return Capture(expected, stream, enqueue);
  } catch (const plugin::Error& error) {
    // Of a call that is over. A device that is lost says so to the next one too.
    cudaGetLastError();
    warn_("graphs: steps of " + std::to_string(counts.num_rows) + " rows go without: " + error.what());
    return nullptr;
  }
}

StepGraphs::Graph StepGraphs::Capture(const LibraryWork& expected, cudaStream_t stream,
                                      const std::function<LibraryWork()>& enqueue) const {
  CheckCuda(device_, cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "capture");
  cudaGraph_t captured = nullptr;
  LibraryWork work;
  try {
    work = enqueue();
  } catch (...) {
    // The stream leaves the capture in any case.
    if (cudaStreamEndCapture(stream, &captured) == cudaSuccess) cudaGraphDestroy(captured);
    throw;
  }
  CheckCuda(device_, cudaStreamEndCapture(stream, &captured), "capture");
  cudaGraphExec_t graph = nullptr;
  const bool is_as_before = work == expected;
  const cudaError_t error = is_as_before ? cudaGraphInstantiate(&graph, captured, 0) : cudaSuccess;
  cudaGraphDestroy(captured);
  CheckCuda(device_, error, "graph");
  if (!is_as_before) {
    // A call that failed may have left a part of its work in the graph.
    throw plugin::Error(SKEIN_INTERNAL, "the library refused a product that it had made before");
  }
  return Graph(graph);
}

void StepGraphs::MakeRoom() {
  uint32_t count = 0;
  Size* oldest = nullptr;
  for (auto& [key, size] : sizes_) {
    if (size.graph == nullptr) continue;
    ++count;
    if (oldest == nullptr || size.last_use < oldest->last_use) oldest = &size;
  }
  if (count >= kMostGraphs) oldest->graph = nullptr;
}

}  // namespace skein::cuda
