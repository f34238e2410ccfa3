// What the driver has beside the runtime: contexts, of which a thread has a stack.
#include <cuda.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "cuda_emulator/runtime.h"
#include "runtime.h"

namespace skein::emulator {
namespace {

// The devices that were current when a context came in front of them.
thread_local std::vector<int> devices_behind;

// A device has one context, whose address is its number and one.
CUcontext ContextOf(int device) { return reinterpret_cast<CUcontext>(static_cast<uintptr_t>(device) + 1); }
int DeviceOf(CUcontext context) { return static_cast<int>(reinterpret_cast<uintptr_t>(context)) - 1; }

bool IsDevice(int device) { return device >= 0 && device < TheRuntime()->options().num_devices; }

}  // namespace
}  // namespace skein::emulator

using skein::emulator::CurrentDevice;
using skein::emulator::TheRuntime;

CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  if (!skein::emulator::IsDevice(ordinal)) return CUDA_ERROR_INVALID_DEVICE;
  *device = ordinal;
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
  if (!skein::emulator::IsDevice(device)) return CUDA_ERROR_INVALID_DEVICE;
  TheRuntime()->MakeContext(device);
  *context = skein::emulator::ContextOf(device);
  return CUDA_SUCCESS;
}

CUresult cuCtxPushCurrent(CUcontext context) {
  const int device = skein::emulator::DeviceOf(context);
  if (!TheRuntime()->options().has_context_stack) return CUDA_ERROR_NOT_SUPPORTED;
  if (!skein::emulator::IsDevice(device)) return CUDA_ERROR_INVALID_CONTEXT;
  skein::emulator::devices_behind.push_back(CurrentDevice());
  CurrentDevice() = device;
  return CUDA_SUCCESS;
}

CUresult cuCtxPopCurrent(CUcontext* context) {
  if (skein::emulator::devices_behind.empty()) return CUDA_ERROR_INVALID_CONTEXT;
  *context = skein::emulator::ContextOf(CurrentDevice());
  CurrentDevice() = skein::emulator::devices_behind.back();
  skein::emulator::devices_behind.pop_back();
  return CUDA_SUCCESS;
}

cudaError_t cudaGetDriverEntryPointByVersion(const char* symbol, void** function, unsigned,
                                             unsigned long long,  // NOLINT
                                             cudaDriverEntryPointQueryResult* result) {
  struct {
    std::string_view name;
    void* function;
  } const functions[] = {
      {"cuDeviceGet", reinterpret_cast<void*>(cuDeviceGet)},
      {"cuDevicePrimaryCtxRetain", reinterpret_cast<void*>(cuDevicePrimaryCtxRetain)},
      {"cuCtxPushCurrent", reinterpret_cast<void*>(cuCtxPushCurrent)},
      {"cuCtxPopCurrent", reinterpret_cast<void*>(cuCtxPopCurrent)},
  };
  *function = nullptr;
  for (const auto& known : functions) {
    if (known.name == symbol) *function = known.function;
  }
  *result = *function == nullptr ? cudaDriverEntryPointSymbolNotFound : cudaDriverEntryPointSuccess;
  return cudaSuccess;
}
