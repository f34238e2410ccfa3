#include "runtime.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <string>

#include "error_log.h"
#include "symbols.h"

namespace skein::emulator {
namespace {

const std::string kCopyName = "a copy";
const std::string kFillName = "a fill";

Options OptionsOfEnvironment() {
  Options options;
  std::string error;
  const char* text = std::getenv("SKEIN_CUDA_EMULATOR");
  if (text != nullptr && !ParseOptions(text, options, error)) {
    std::fprintf(stderr, "SKEIN_CUDA_EMULATOR: %s\n", error.c_str());
    std::abort();
  }
  if (const char* seed = std::getenv("SKEIN_CUDA_EMULATOR_SEED")) options.seed = std::strtoull(seed, nullptr, 10);
  return options;
}

struct Process {
  std::mutex mutex;
  std::shared_ptr<Runtime> runtime;
};

Process& TheProcess() {
  static Process process;
  return process;
}

}  // namespace

std::shared_ptr<Runtime> TheRuntime() {
  TheErrorLog();  // outlives the runtime, whose kernels may find errors to the end
  Process& process = TheProcess();
  const std::lock_guard lock(process.mutex);
  if (process.runtime == nullptr) process.runtime = std::make_shared<Runtime>(OptionsOfEnvironment());
  return process.runtime;
}

void Configure(const Options& options) {
  TheErrorLog();
  Process& process = TheProcess();
  const std::lock_guard lock(process.mutex);
  process.runtime = nullptr;  // ends its streams before the next one begins
  Options complete = options;
  if (options.ptx.empty()) {
    const Options environment = OptionsOfEnvironment();
    complete.ptx = environment.ptx;
    complete.ptx_capability = environment.ptx_capability;
    complete.ptx_fused = environment.ptx_fused;
  }
  process.runtime = std::make_shared<Runtime>(complete);
  CurrentDevice() = 0;
  CurrentContext() = nullptr;
  ForgetLastError();
}

int& CurrentDevice() {
  static thread_local int device = 0;
  return device;
}

CUcontext& CurrentContext() {
  static thread_local CUcontext context = nullptr;
  return context;
}

// Its address is the device's number and one.
CUcontext OwnContext(int device) { return reinterpret_cast<CUcontext>(static_cast<uintptr_t>(device) + 1); }

cudaStreamCaptureMode& ThreadCaptureMode() {
  static thread_local cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  return mode;
}

bool& IsInHostFunction() {
  static thread_local bool is_in = false;
  return is_in;
}

cudaError_t Usable(const Runtime& runtime) {
  if (IsInHostFunction()) {
    constexpr char kMisuse[] = "a function that cudaLaunchHostFunc calls has called CUDA";
    TheErrorLog().Add({ErrorKind::kMisuse, "on the host", kMisuse}, kMisuse);
    return cudaErrorNotPermitted;
  }
  if (runtime.options().num_devices == 0) return runtime.options().no_devices;
  const int device = CurrentDevice();
  if (device >= runtime.options().num_devices) return cudaErrorInvalidDevice;
  runtime.MakeContext(device);
  if (CurrentContext() == nullptr) CurrentContext() = OwnContext(device);
  return runtime.DeviceError(device);
}

Runtime::Runtime(const Options& options)
    : arena(options.num_devices, options.memory_bytes),
      detector(arena, options.track_uninitialised),
      executor(arena, detector, options),
      options_(options),
      device_errors_(options.num_devices),
      has_context_(options.num_devices) {
  for (int device = 0; device < options.num_devices; ++device) {
    default_streams_.push_back(std::make_shared<Stream>(*this, device, true, num_streams_++));
  }
}

Runtime::~Runtime() {
  streams.clear();
  default_streams_.clear();
  for (const auto& [address, num_bytes] : pinned) {
    if (registered.find(address) == registered.end()) std::free(reinterpret_cast<void*>(address));
  }
}

void Runtime::FailDevice(int device, cudaError_t error) {
  int none = cudaSuccess;
  device_errors_[device].compare_exchange_strong(none, error);
}

Stream* Runtime::Resolve(cudaStream_t handle) {
  const std::lock_guard lock(handles_mutex);
  if (handle == nullptr || handle == cudaStreamLegacy) return default_streams_[CurrentDevice()].get();
  return Owns(streams, handle) ? handle : nullptr;
}

cudaError_t Runtime::MakeStream(cudaStream_t* handle, bool blocking) {
  auto stream = std::make_shared<Stream>(*this, CurrentDevice(), blocking, num_streams_++);
  const std::lock_guard lock(handles_mutex);
  *handle = stream.get();
  streams[*handle] = std::move(stream);
  return cudaSuccess;
}

cudaError_t Runtime::DestroyStream(cudaStream_t handle) {
  std::shared_ptr<Stream> stream;
  {
    const std::lock_guard lock(handles_mutex);
    const auto entry = streams.find(handle);
    if (entry == streams.end()) return cudaErrorInvalidResourceHandle;
    stream = std::move(entry->second);
    streams.erase(entry);
  }
  return cudaSuccess;
}

// The default stream waits for all blocking streams of its device, and they for it.
void Runtime::OrderWithDefault(Stream& stream) {
  Stream& of_device = *default_streams_[stream.device()];
  std::vector<std::shared_ptr<Completion>> before;
  if (&stream == &of_device) {
    for (const auto& [handle, other] : streams) {
      if (other->blocking() && other->device() == stream.device() && !other->IsIdle()) before.push_back(other->Mark());
    }
  } else if (stream.blocking() && !of_device.IsIdle()) {
    before.push_back(of_device.Mark());
  }
  for (auto& completion : before) {
    stream.Enqueue(
        [completion](Stream& self) {
          completion->Wait();
          self.Know(completion->clock());
        },
        {});
  }
}

cudaError_t Runtime::Submit(Stream& stream, Work work) {
  const std::lock_guard lock(handles_mutex);
  if (stream.capture != nullptr) {
    if (stream.capture->is_invalid) return cudaErrorStreamCaptureInvalidated;
    stream.capture->work.push_back(std::move(work));
    return cudaSuccess;
  }
  if (&stream == default_streams_[stream.device()].get() && num_captures > 0) return cudaErrorStreamCaptureImplicit;
  OrderWithDefault(stream);
  stream.Enqueue(std::move(work), HostClock());
  return cudaSuccess;
}

cudaError_t Runtime::Synchronize(Stream& stream) {
  {
    const std::lock_guard lock(handles_mutex);
    if (stream.capture != nullptr) {
      stream.capture->is_invalid = true;
      return cudaErrorStreamCaptureUnsupported;
    }
    if (const cudaError_t error = CheckNoCapture(); error != cudaSuccess) return error;
  }
  const std::shared_ptr<Completion> end = stream.Mark();
  end->Wait();
  HostKnows(end->clock());
  return DeviceError(stream.device());
}

cudaError_t Runtime::SynchronizeDevice(int device) {
  std::vector<std::shared_ptr<Completion>> ends;
  {
    const std::lock_guard lock(handles_mutex);
    ends.push_back(default_streams_[device]->Mark());
    for (const auto& [handle, stream] : streams) {
      if (stream->device() == device) ends.push_back(stream->Mark());
    }
  }
  for (const auto& end : ends) {
    end->Wait();
    HostKnows(end->clock());
  }
  return DeviceError(device);
}

cudaError_t Runtime::CheckNoCapture() {
  if (ThreadCaptureMode() == cudaStreamCaptureModeRelaxed) return cudaSuccess;
  const std::lock_guard lock(handles_mutex);
  cudaError_t error = cudaSuccess;
  for (const auto& [handle, stream] : streams) {
    if (stream->capture == nullptr) continue;
    Graph& graph = *stream->capture;
    const bool is_own = graph.thread == std::this_thread::get_id() && graph.mode != cudaStreamCaptureModeRelaxed;
    const bool is_any = ThreadCaptureMode() == cudaStreamCaptureModeGlobal && graph.mode == cudaStreamCaptureModeGlobal;
    if (!is_own && !is_any) continue;
    graph.is_invalid = true;
    error = cudaErrorStreamCaptureUnsupported;
  }
  return error;
}

void Runtime::HostKnows(const Clock& clock) {
  const std::lock_guard lock(clock_mutex_);
  Merge(host_clock_, clock);
}

Clock Runtime::HostClock() {
  const std::lock_guard lock(clock_mutex_);
  return host_clock_;
}

bool Runtime::NextAllocationFails() { return num_allocations_++ == options_.fail_allocation; }

bool Runtime::IsPinned(const void* pointer, size_t num_bytes) {
  const std::lock_guard lock(handles_mutex);
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  const auto above = pinned.upper_bound(address);
  if (above == pinned.begin()) return false;
  const auto& [begin, length] = *std::prev(above);
  return address - begin <= length && num_bytes <= length - (address - begin);
}

void Runtime::RunKernel(Stream& stream, const Launch& launch) {
  const std::lock_guard lock(execution_mutex);
  const int device = stream.device();
  if (options_.lose_at_launch != Options::kNever && device == options_.lost_device &&
      counters.num_launches >= static_cast<uint64_t>(options_.lose_at_launch)) {
    FailDevice(device, cudaErrorIllegalAddress);
  }
  if (DeviceError(device) != cudaSuccess) return;
  ++counters.num_launches;
  counters.num_blocks += uint64_t{launch.grid.x} * launch.grid.y * launch.grid.z;
  detector.BeginOperation(stream.BeginOperation(launch.dependent), NameOfFunction(launch.kernel->Function()));
  detector.BeginKernel(launch.block.x * launch.block.y * launch.block.z, device);
  const cudaError_t error = executor.Run(launch);
  detector.EndKernel();
  stream.EndOperation();
  if (error != cudaSuccess) FailDevice(device, error);
}

void Runtime::CopyRow(void* to, const void* from, size_t num_bytes) {
  const auto target = reinterpret_cast<uintptr_t>(to);
  const auto source = reinterpret_cast<uintptr_t>(from);
  if (detector.is_on()) {
    if (arena.Contains(target) && arena.Contains(source)) {
      detector.OnCopyWithin(target, source, num_bytes);
    } else if (arena.Contains(target)) {
      detector.OnCopyWrite(target, num_bytes);
    } else if (arena.Contains(source)) {
      detector.OnCopyRead(source, num_bytes);
    }
  }
  std::memmove(to, from, num_bytes);
}

void Runtime::RunCopy(Stream& stream, void* to, size_t to_pitch, const void* from, size_t from_pitch,
                      size_t width_bytes, size_t num_rows, bool is_pageable) {
  const std::lock_guard lock(execution_mutex);
  if (DeviceError(stream.device()) != cudaSuccess) return;
  ++counters.num_copies;
  if (is_pageable) ++counters.num_pageable_copies;
  if (!arena.Contains(reinterpret_cast<uintptr_t>(to)) && arena.Contains(reinterpret_cast<uintptr_t>(from))) {
    counters.copied_to_host_bytes += width_bytes * num_rows;
  }
  detector.BeginOperation(stream.BeginOperation(false), kCopyName);
  for (size_t row = 0; row < num_rows; ++row) {
    CopyRow(static_cast<unsigned char*>(to) + row * to_pitch,
            static_cast<const unsigned char*>(from) + row * from_pitch, width_bytes);
  }
  stream.EndOperation();
}

void Runtime::RunFill(Stream& stream, void* address, int value, size_t num_bytes) {
  const std::lock_guard lock(execution_mutex);
  if (DeviceError(stream.device()) != cudaSuccess) return;
  detector.BeginOperation(stream.BeginOperation(false), kFillName);
  if (detector.is_on()) detector.OnCopyWrite(reinterpret_cast<uintptr_t>(address), num_bytes);
  std::memset(address, value, num_bytes);
  stream.EndOperation();
}

}  // namespace skein::emulator
