// Memory, copies and fills of the runtime.
#include <cstdlib>
#include <cstring>
#include <vector>

#include "runtime.h"

namespace skein::emulator {
namespace {

constexpr size_t kPage = 4096;

// A block of bytes, row by row.
struct Rows {
  void* to;
  size_t to_pitch;
  const void* from;
  size_t from_pitch;
  size_t width_bytes;
  size_t num_rows;

  size_t ToBytes() const { return (num_rows - 1) * to_pitch + width_bytes; }
  size_t FromBytes() const { return (num_rows - 1) * from_pitch + width_bytes; }
};

// Whether a range is of the host, or lies in one allocation of a device.
enum class Place { kHost, kDevice, kNowhere };

Place PlaceOf(Runtime& runtime, const void* pointer, size_t num_bytes) {
  const std::lock_guard lock(runtime.execution_mutex);
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  if (!runtime.arena.Contains(address)) return Place::kHost;
  const Allocation* allocation = runtime.arena.Find(address);
  return allocation != nullptr && allocation->Contains(address, num_bytes) ? Place::kDevice : Place::kNowhere;
}

cudaError_t CheckPlaces(Place to, Place from, cudaMemcpyKind kind) {
  if (to == Place::kNowhere || from == Place::kNowhere) return cudaErrorInvalidValue;
  if (kind == cudaMemcpyDefault) return cudaSuccess;
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  return to_device == (to == Place::kDevice) && from_device == (from == Place::kDevice) ? cudaSuccess
                                                                                        : cudaErrorInvalidValue;
}

// Memory that is not pinned: CUDA copies it out before it returns.
Rows Staged(const Rows& rows, std::vector<unsigned char>& bytes) {
  bytes.resize(rows.width_bytes * rows.num_rows);
  for (size_t row = 0; row < rows.num_rows; ++row) {
    std::memcpy(bytes.data() + row * rows.width_bytes,
                static_cast<const unsigned char*>(rows.from) + row * rows.from_pitch, rows.width_bytes);
  }
  Rows staged = rows;
  staged.from_pitch = rows.width_bytes;
  return staged;
}

cudaError_t Copy(Rows rows, cudaMemcpyKind kind, cudaStream_t handle, bool waits) {
  const auto runtime = TheRuntime();
  if (const cudaError_t error = Usable(*runtime); error != cudaSuccess) return error;
  Stream* stream = runtime->Resolve(handle);
  if (stream == nullptr) return cudaErrorInvalidResourceHandle;
  if (rows.width_bytes == 0 || rows.num_rows == 0) return cudaSuccess;
  if (rows.num_rows > 1 && (rows.to_pitch < rows.width_bytes || rows.from_pitch < rows.width_bytes)) {
    return cudaErrorInvalidPitchValue;
  }
  const Place to = PlaceOf(*runtime, rows.to, rows.ToBytes());
  const Place from = PlaceOf(*runtime, rows.from, rows.FromBytes());
  if (const cudaError_t error = CheckPlaces(to, from, kind); error != cudaSuccess) return error;
  const bool from_pageable = from == Place::kHost && !runtime->IsPinned(rows.from, rows.FromBytes());
  const bool to_pageable = to == Place::kHost && !runtime->IsPinned(rows.to, rows.ToBytes());
  if (stream->capture != nullptr && (from_pageable || to_pageable)) return cudaErrorStreamCaptureUnsupported;
  auto bytes = std::make_shared<std::vector<unsigned char>>();
  if (from_pageable) rows = Staged(rows, *bytes);
  const bool is_pageable = from_pageable || to_pageable;
  const cudaError_t error = runtime->Submit(*stream, [rows, bytes, is_pageable](Stream& self) {
    const void* source = bytes->empty() ? rows.from : bytes->data();
    self.runtime().RunCopy(self, rows.to, rows.to_pitch, source, rows.from_pitch, rows.width_bytes, rows.num_rows,
                           is_pageable);
  });
  if (error != cudaSuccess) return error;
  return waits || to_pageable ? runtime->Synchronize(*stream) : cudaSuccess;
}

cudaError_t Fill(void* address, int value, size_t num_bytes, cudaStream_t handle, bool waits) {
  const auto runtime = TheRuntime();
  if (const cudaError_t error = Usable(*runtime); error != cudaSuccess) return error;
  Stream* stream = runtime->Resolve(handle);
  if (stream == nullptr) return cudaErrorInvalidResourceHandle;
  if (num_bytes == 0) return cudaSuccess;
  if (PlaceOf(*runtime, address, num_bytes) != Place::kDevice) return cudaErrorInvalidValue;
  const cudaError_t error = runtime->Submit(
      *stream, [address, value, num_bytes](Stream& self) { self.runtime().RunFill(self, address, value, num_bytes); });
  return error == cudaSuccess && waits ? runtime->Synchronize(*stream) : error;
}

cudaError_t AllocateHost(void** address, size_t num_bytes) {
  const auto runtime = TheRuntime();
  *address = nullptr;
  if (const cudaError_t error = Usable(*runtime); error != cudaSuccess) return error;
  if (const cudaError_t error = runtime->CheckNoCapture(); error != cudaSuccess) return error;
  if (num_bytes == 0) return cudaErrorInvalidValue;
  if (runtime->NextAllocationFails()) return cudaErrorMemoryAllocation;
  void* memory = nullptr;
  if (posix_memalign(&memory, kPage, num_bytes) != 0) return cudaErrorMemoryAllocation;
  std::memset(memory, 0xFF, num_bytes);
  const std::lock_guard lock(runtime->handles_mutex);
  runtime->pinned[reinterpret_cast<uintptr_t>(memory)] = num_bytes;
  *address = memory;
  return cudaSuccess;
}

cudaError_t AllocateDevice(void** address, size_t num_bytes) {
  const auto runtime = TheRuntime();
  *address = nullptr;
  if (const cudaError_t error = Usable(*runtime); error != cudaSuccess) return error;
  if (const cudaError_t error = runtime->CheckNoCapture(); error != cudaSuccess) return error;
  if (num_bytes == 0) return cudaSuccess;
  if (runtime->NextAllocationFails()) return cudaErrorMemoryAllocation;
  const std::lock_guard lock(runtime->execution_mutex);
  *address = runtime->arena.Allocate(CurrentDevice(), num_bytes);
  if (*address == nullptr) return cudaErrorMemoryAllocation;
  ++runtime->counters.num_allocations;
  return cudaSuccess;
}

// As CUDA, it waits for all work of the device first.
cudaError_t FreeDevice(void* address) {
  const auto runtime = TheRuntime();
  if (address == nullptr) return cudaSuccess;
  if (const cudaError_t error = Usable(*runtime); error != cudaSuccess) return error;
  if (const cudaError_t error = runtime->CheckNoCapture(); error != cudaSuccess) return error;
  int device;
  {
    const std::lock_guard lock(runtime->execution_mutex);
    const Allocation* allocation = runtime->arena.Find(reinterpret_cast<uintptr_t>(address));
    if (allocation == nullptr || allocation->address != reinterpret_cast<uintptr_t>(address)) {
      return cudaErrorInvalidValue;
    }
    device = allocation->device;
  }
  const cudaError_t error = runtime->SynchronizeDevice(device);
  const std::lock_guard lock(runtime->execution_mutex);
  if (const Allocation* allocation = runtime->arena.Find(reinterpret_cast<uintptr_t>(address))) {
    runtime->detector.Forget(*allocation);
  }
  return runtime->arena.Free(address) ? error : cudaErrorInvalidValue;
}

}  // namespace
}  // namespace skein::emulator

using skein::emulator::AllocateDevice;
using skein::emulator::AllocateHost;
using skein::emulator::Copy;
using skein::emulator::CurrentDevice;
using skein::emulator::Fill;
using skein::emulator::FreeDevice;
using skein::emulator::Note;
using skein::emulator::TheRuntime;
using skein::emulator::Usable;

cudaError_t cudaMalloc(void** address, size_t num_bytes) { return Note(AllocateDevice(address, num_bytes)); }
cudaError_t cudaFree(void* address) { return Note(FreeDevice(address)); }
cudaError_t cudaHostAlloc(void** address, size_t num_bytes, unsigned) { return Note(AllocateHost(address, num_bytes)); }
cudaError_t cudaMallocHost(void** address, size_t num_bytes) { return Note(AllocateHost(address, num_bytes)); }

cudaError_t cudaFreeHost(void* address) {
  const auto runtime = TheRuntime();
  if (address == nullptr) return cudaSuccess;
  if (const cudaError_t error = runtime->CheckNoCapture(); error != cudaSuccess) return Note(error);
  for (int device = 0; device < runtime->options().num_devices; ++device) runtime->SynchronizeDevice(device);
  const std::lock_guard lock(runtime->handles_mutex);
  const auto key = reinterpret_cast<uintptr_t>(address);
  if (runtime->registered.find(key) != runtime->registered.end() || runtime->pinned.erase(key) == 0) {
    return Note(cudaErrorInvalidValue);
  }
  std::free(address);
  return Note(Usable(*runtime));
}

cudaError_t cudaHostRegister(void* address, size_t num_bytes, unsigned) {
  const auto runtime = TheRuntime();
  if (const cudaError_t error = Usable(*runtime); error != cudaSuccess) return Note(error);
  if (const cudaError_t error = runtime->CheckNoCapture(); error != cudaSuccess) return Note(error);
  if (address == nullptr || num_bytes == 0) return Note(cudaErrorInvalidValue);
  if (runtime->IsPinned(address, 1)) return Note(cudaErrorHostMemoryAlreadyRegistered);
  const std::lock_guard lock(runtime->handles_mutex);
  runtime->pinned[reinterpret_cast<uintptr_t>(address)] = num_bytes;
  runtime->registered[reinterpret_cast<uintptr_t>(address)] = num_bytes;
  return cudaSuccess;
}

cudaError_t cudaHostUnregister(void* address) {
  const auto runtime = TheRuntime();
  const std::lock_guard lock(runtime->handles_mutex);
  if (runtime->registered.erase(reinterpret_cast<uintptr_t>(address)) == 0) {
    return Note(cudaErrorHostMemoryNotRegistered);
  }
  runtime->pinned.erase(reinterpret_cast<uintptr_t>(address));
  return Note(Usable(*runtime));
}

cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* total_bytes) {
  const auto runtime = TheRuntime();
  if (const cudaError_t error = Usable(*runtime); error != cudaSuccess) return Note(error);
  const std::lock_guard lock(runtime->execution_mutex);
  *total_bytes = runtime->options().memory_bytes;
  *free_bytes = *total_bytes - runtime->arena.used_bytes(CurrentDevice());
  return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* address) {
  const auto runtime = TheRuntime();
  if (const cudaError_t error = Usable(*runtime); error != cudaSuccess) return Note(error);
  void* pointer = const_cast<void*>(address);
  *attributes = {cudaMemoryTypeUnregistered, CurrentDevice(), nullptr, pointer};
  if (runtime->IsPinned(address, 1)) *attributes = {cudaMemoryTypeHost, CurrentDevice(), pointer, pointer};
  const std::lock_guard lock(runtime->execution_mutex);
  const skein::emulator::Allocation* allocation = runtime->arena.Find(reinterpret_cast<uintptr_t>(address));
  if (allocation != nullptr) *attributes = {cudaMemoryTypeDevice, allocation->device, pointer, nullptr};
  return cudaSuccess;
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t num_bytes, cudaMemcpyKind kind) {
  return Note(Copy({to, 0, from, 0, num_bytes, 1}, kind, nullptr, true));
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t num_bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  return Note(Copy({to, 0, from, 0, num_bytes, 1}, kind, stream, false));
}
cudaError_t cudaMemcpyPeerAsync(void* to, int, const void* from, int, size_t num_bytes, cudaStream_t stream) {
  return Note(Copy({to, 0, from, 0, num_bytes, 1}, cudaMemcpyDeviceToDevice, stream, false));
}
cudaError_t cudaMemcpy2D(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width_bytes,
                         size_t num_rows, cudaMemcpyKind kind) {
  return Note(Copy({to, to_pitch, from, from_pitch, width_bytes, num_rows}, kind, nullptr, true));
}
cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width_bytes,
                              size_t num_rows, cudaMemcpyKind kind, cudaStream_t stream) {
  return Note(Copy({to, to_pitch, from, from_pitch, width_bytes, num_rows}, kind, stream, false));
}
cudaError_t cudaMemset(void* address, int value, size_t num_bytes) {
  return Note(Fill(address, value, num_bytes, nullptr, true));
}
cudaError_t cudaMemsetAsync(void* address, int value, size_t num_bytes, cudaStream_t stream) {
  return Note(Fill(address, value, num_bytes, stream, false));
}
