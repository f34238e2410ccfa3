// Streams, events and graphs of the runtime.
#include <algorithm>

#include "runtime.h"

namespace skein::emulator {
namespace {

template <typename Handle, typename T>
cudaError_t Destroy(std::map<const void*, std::shared_ptr<T>>& handles, Runtime& runtime, Handle handle) {
  const std::lock_guard lock(runtime.handles_mutex);
  return handles.erase(handle) == 0 ? cudaErrorInvalidResourceHandle : Usable(runtime);
}

cudaError_t MakeEvent(cudaEvent_t* handle, unsigned flags) {
  const auto runtime = TheRuntime();
  if (const cudaError_t error = Usable(*runtime); error != cudaSuccess) return error;
  auto event = std::make_shared<Event>(CurrentDevice(), (flags & cudaEventDisableTiming) == 0);
  const std::lock_guard lock(runtime->handles_mutex);
  *handle = event.get();
  runtime->events[*handle] = std::move(event);
  return cudaSuccess;
}

cudaError_t RecordEvent(cudaEvent_t event, cudaStream_t handle) {
  const auto runtime = TheRuntime();
  if (const cudaError_t error = Usable(*runtime); error != cudaSuccess) return error;
  const std::lock_guard lock(runtime->handles_mutex);
  Stream* stream = runtime->Resolve(handle);
  if (stream == nullptr || !runtime->Owns(runtime->events, event)) return cudaErrorInvalidResourceHandle;
  if (stream->device() != event->device) return cudaErrorInvalidResourceHandle;
  event->capture = stream->capture;
  if (stream->capture != nullptr) return cudaSuccess;
  auto completion = std::make_shared<Completion>();
  event->completion = completion;
  return runtime->Submit(*stream, [completion](Stream& self) { completion->Complete(self.known()); });
}

// A captured event brings the stream that waits into the capture.
cudaError_t JoinCapture(Stream& stream, const std::shared_ptr<Graph>& graph) {
  if (stream.capture == graph) return cudaSuccess;
  if (stream.capture != nullptr) return cudaErrorStreamCaptureUnsupported;
  stream.capture = graph;
  graph->streams.push_back(&stream);
  return cudaSuccess;
}

cudaError_t WaitForEvent(cudaStream_t handle, cudaEvent_t event) {
  const auto runtime = TheRuntime();
  if (const cudaError_t error = Usable(*runtime); error != cudaSuccess) return error;
  const std::lock_guard lock(runtime->handles_mutex);
  Stream* stream = runtime->Resolve(handle);
  if (stream == nullptr || !runtime->Owns(runtime->events, event)) return cudaErrorInvalidResourceHandle;
  if (event->capture != nullptr) return JoinCapture(*stream, event->capture);
  if (stream->capture != nullptr) return cudaErrorStreamCaptureUnsupported;
  if (event->completion == nullptr) return cudaSuccess;
  return runtime->Submit(*stream, [completion = event->completion](Stream& self) {
    completion->Wait();
    self.Know(completion->clock());
  });
}

// The recording that a call asks about. NULL with cudaSuccess: never recorded, which counts as done.
cudaError_t RecordingOf(Runtime& runtime, cudaEvent_t event, std::shared_ptr<Completion>& completion) {
  if (const cudaError_t error = Usable(runtime); error != cudaSuccess) return error;
  const std::lock_guard lock(runtime.handles_mutex);
  if (!runtime.Owns(runtime.events, event)) return cudaErrorInvalidResourceHandle;
  if (event->capture != nullptr) return cudaErrorCapturedEvent;
  if (const cudaError_t error = runtime.CheckNoCapture(); error != cudaSuccess) return error;
  completion = event->completion;
  return cudaSuccess;
}

cudaError_t QueryEvent(cudaEvent_t event) {
  const auto runtime = TheRuntime();
  std::shared_ptr<Completion> completion;
  if (const cudaError_t error = RecordingOf(*runtime, event, completion); error != cudaSuccess) return error;
  if (completion == nullptr) return cudaSuccess;
  if (!completion->IsDone()) return cudaErrorNotReady;
  runtime->HostKnows(completion->clock());
  return Usable(*runtime);
}

cudaError_t SynchronizeEvent(cudaEvent_t event) {
  const auto runtime = TheRuntime();
  std::shared_ptr<Completion> completion;
  if (const cudaError_t error = RecordingOf(*runtime, event, completion); error != cudaSuccess) return error;
  if (completion == nullptr) return cudaSuccess;
  completion->Wait();
  runtime->HostKnows(completion->clock());
  return Usable(*runtime);
}

cudaError_t ElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  const auto runtime = TheRuntime();
  std::shared_ptr<Completion> first, last;
  if (const cudaError_t error = RecordingOf(*runtime, start, first); error != cudaSuccess) return error;
  if (const cudaError_t error = RecordingOf(*runtime, end, last); error != cudaSuccess) return error;
  if (first == nullptr || last == nullptr || !start->timed || !end->timed) return cudaErrorInvalidResourceHandle;
  if (!first->IsDone() || !last->IsDone()) return cudaErrorNotReady;
  *milliseconds = std::chrono::duration<float, std::milli>(last->time() - first->time()).count();
  return cudaSuccess;
}

cudaError_t BeginCapture(cudaStream_t handle, cudaStreamCaptureMode mode) {
  const auto runtime = TheRuntime();
  if (const cudaError_t error = Usable(*runtime); error != cudaSuccess) return error;
  const std::lock_guard lock(runtime->handles_mutex);
  if (handle == nullptr || handle == cudaStreamLegacy) return cudaErrorStreamCaptureUnsupported;
  Stream* stream = runtime->Resolve(handle);
  if (stream == nullptr) return cudaErrorInvalidResourceHandle;
  if (stream->capture != nullptr) return cudaErrorIllegalState;
  stream->capture = std::make_shared<Graph>();
  stream->capture->device = stream->device();
  stream->capture->mode = mode;
  stream->capture->thread = std::this_thread::get_id();
  stream->capture->streams.push_back(stream);
  ++runtime->num_captures;
  return cudaSuccess;
}

cudaError_t EndCapture(cudaStream_t handle, cudaGraph_t* result) {
  const auto runtime = TheRuntime();
  *result = nullptr;
  const std::lock_guard lock(runtime->handles_mutex);
  Stream* stream = runtime->Resolve(handle);
  if (stream == nullptr) return cudaErrorInvalidResourceHandle;
  if (stream->capture == nullptr) return cudaErrorIllegalState;
  const std::shared_ptr<Graph> graph = stream->capture;
  if (graph->streams.front() != stream) return cudaErrorStreamCaptureUnmatched;
  for (Stream* part : graph->streams) part->capture = nullptr;
  graph->streams.clear();
  --runtime->num_captures;
  if (graph->mode != cudaStreamCaptureModeRelaxed && graph->thread != std::this_thread::get_id()) {
    return cudaErrorStreamCaptureWrongThread;
  }
  if (graph->is_invalid) return cudaErrorStreamCaptureInvalidated;
  *result = graph.get();
  runtime->graphs[*result] = graph;
  return Usable(*runtime);
}

cudaError_t Instantiate(cudaGraphExec_t* result, cudaGraph_t graph) {
  const auto runtime = TheRuntime();
  if (const cudaError_t error = Usable(*runtime); error != cudaSuccess) return error;
  const std::lock_guard lock(runtime->handles_mutex);
  if (!runtime->Owns(runtime->graphs, graph)) return cudaErrorInvalidValue;
  auto exec = std::make_shared<GraphExec>(*graph);
  *result = exec.get();
  runtime->execs[*result] = std::move(exec);
  return cudaSuccess;
}

cudaError_t LaunchGraph(cudaGraphExec_t exec, cudaStream_t handle) {
  const auto runtime = TheRuntime();
  if (const cudaError_t error = Usable(*runtime); error != cudaSuccess) return error;
  const std::lock_guard lock(runtime->handles_mutex);
  Stream* stream = runtime->Resolve(handle);
  if (stream == nullptr) return cudaErrorInvalidResourceHandle;
  if (!runtime->Owns(runtime->execs, exec)) return cudaErrorInvalidValue;
  return runtime->Submit(*stream, [work = exec->work](Stream& self) {
    {
      const std::lock_guard execution(self.runtime().execution_mutex);
      ++self.runtime().counters.num_graph_launches;
    }
    for (const Work& piece : *work) piece(self);
  });
}

cudaError_t QueryStream(cudaStream_t handle) {
  const auto runtime = TheRuntime();
  if (const cudaError_t error = Usable(*runtime); error != cudaSuccess) return error;
  const std::lock_guard lock(runtime->handles_mutex);
  Stream* stream = runtime->Resolve(handle);
  if (stream == nullptr) return cudaErrorInvalidResourceHandle;
  if (stream->capture != nullptr) return cudaErrorStreamCaptureUnsupported;
  return stream->IsIdle() ? runtime->Synchronize(*stream) : cudaErrorNotReady;
}

cudaError_t SynchronizeStream(cudaStream_t handle) {
  const auto runtime = TheRuntime();
  if (const cudaError_t error = Usable(*runtime); error != cudaSuccess) return error;
  Stream* stream = runtime->Resolve(handle);
  return stream == nullptr ? cudaErrorInvalidResourceHandle : runtime->Synchronize(*stream);
}

cudaError_t CallHost(cudaStream_t handle, cudaHostFn_t function, void* user_data) {
  const auto runtime = TheRuntime();
  if (const cudaError_t error = Usable(*runtime); error != cudaSuccess) return error;
  Stream* stream = runtime->Resolve(handle);
  if (stream == nullptr) return cudaErrorInvalidResourceHandle;
  return runtime->Submit(*stream, [function, user_data](Stream& self) {
    // CUDA does not call it on a device that has failed.
    if (self.runtime().DeviceError(self.device()) != cudaSuccess) return;
    skein::emulator::IsInHostFunction() = true;
    function(user_data);
    skein::emulator::IsInHostFunction() = false;
  });
}

}  // namespace
}  // namespace skein::emulator

using skein::emulator::Note;
using skein::emulator::TheRuntime;
using skein::emulator::Usable;

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  const auto runtime = TheRuntime();
  if (const cudaError_t error = Usable(*runtime); error != cudaSuccess) return Note(error);
  return Note(runtime->MakeStream(stream, (flags & cudaStreamNonBlocking) == 0));
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, cudaStreamDefault); }
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int) {
  return cudaStreamCreateWithFlags(stream, flags);
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const auto runtime = TheRuntime();
  const cudaError_t error = runtime->DestroyStream(stream);
  return Note(error == cudaSuccess ? Usable(*runtime) : error);
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) { return Note(skein::emulator::SynchronizeStream(stream)); }
cudaError_t cudaStreamQuery(cudaStream_t stream) { return Note(skein::emulator::QueryStream(stream)); }
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  return Note(skein::emulator::WaitForEvent(stream, event));
}
cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* user_data) {
  return Note(skein::emulator::CallHost(stream, function, user_data));
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  return Note(skein::emulator::MakeEvent(event, flags));
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return Note(skein::emulator::RecordEvent(event, stream));
}
cudaError_t cudaEventQuery(cudaEvent_t event) { return Note(skein::emulator::QueryEvent(event)); }
cudaError_t cudaEventSynchronize(cudaEvent_t event) { return Note(skein::emulator::SynchronizeEvent(event)); }
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  return Note(skein::emulator::ElapsedTime(milliseconds, start, end));
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const auto runtime = TheRuntime();
  return Note(skein::emulator::Destroy(runtime->events, *runtime, event));
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  return Note(skein::emulator::BeginCapture(stream, mode));
}
cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  const auto runtime = TheRuntime();
  if (const cudaError_t error = Usable(*runtime); error != cudaSuccess) return Note(error);
  std::swap(*mode, skein::emulator::ThreadCaptureMode());
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  return Note(skein::emulator::EndCapture(stream, graph));
}
cudaError_t cudaStreamIsCapturing(cudaStream_t handle, cudaStreamCaptureStatus* status) {
  const auto runtime = TheRuntime();
  const std::lock_guard lock(runtime->handles_mutex);
  const skein::emulator::Stream* stream = runtime->Resolve(handle);
  if (stream == nullptr) return Note(cudaErrorInvalidResourceHandle);
  *status = stream->capture == nullptr    ? cudaStreamCaptureStatusNone
            : stream->capture->is_invalid ? cudaStreamCaptureStatusInvalidated
                                          : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {  // NOLINT
  return Note(skein::emulator::Instantiate(exec, graph));
}
cudaError_t cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t) {
  const auto runtime = TheRuntime();
  const std::lock_guard lock(runtime->handles_mutex);
  return Note(runtime->Owns(runtime->execs, exec) ? Usable(*runtime) : cudaErrorInvalidValue);
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  return Note(skein::emulator::LaunchGraph(exec, stream));
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  const auto runtime = TheRuntime();
  return Note(skein::emulator::Destroy(runtime->graphs, *runtime, graph));
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  const auto runtime = TheRuntime();
  return Note(skein::emulator::Destroy(runtime->execs, *runtime, exec));
}
