// What the driver has beside the runtime: contexts, of which a thread has a stack.
#include <cuda.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "cuda_emulator/runtime.h"
#include "runtime.h"

namespace skein::emulator {
namespace {

struct Current {
  int device;
  CUcontext context;
};

// What was current when a context came in front of it.
thread_local std::vector<Current> behind;

// A context beside a device's own: the address has this bit as well.
constexpr uintptr_t kBeside = 0x1000;
CUcontext ContextBeside(int device) {
  return reinterpret_cast<CUcontext>(reinterpret_cast<uintptr_t>(OwnContext(device)) | kBeside);
}
int DeviceOf(CUcontext context) { return static_cast<int>(reinterpret_cast<uintptr_t>(context) & ~kBeside) - 1; }

bool IsDevice(int device) { return device >= 0 && device < TheRuntime()->options().num_devices; }

}  // namespace
}  // namespace skein::emulator

using skein::emulator::CurrentContext;
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
  *context = skein::emulator::OwnContext(device);
  return CUDA_SUCCESS;
}

CUresult cuCtxPushCurrent(CUcontext context) {
  const int device = skein::emulator::DeviceOf(context);
  if (!TheRuntime()->options().has_context_stack) return CUDA_ERROR_NOT_SUPPORTED;
  if (!skein::emulator::IsDevice(device)) return CUDA_ERROR_INVALID_CONTEXT;
  skein::emulator::behind.push_back({CurrentDevice(), CurrentContext()});
  CurrentDevice() = device;
  CurrentContext() = context;
  return CUDA_SUCCESS;
}

CUresult cuCtxPopCurrent(CUcontext* context) {
  if (skein::emulator::behind.empty()) return CUDA_ERROR_INVALID_CONTEXT;
  *context = CurrentContext();
  CurrentDevice() = skein::emulator::behind.back().device;
  CurrentContext() = skein::emulator::behind.back().context;
  skein::emulator::behind.pop_back();
  return CUDA_SUCCESS;
}

CUresult cuCtxGetCurrent(CUcontext* context) {
  *context = CurrentContext();
  return CUDA_SUCCESS;
}

CUresult cuCtxCreate(CUcontext* context, void*, unsigned, CUdevice device) {
  if (!skein::emulator::IsDevice(device)) return CUDA_ERROR_INVALID_DEVICE;
  *context = skein::emulator::ContextBeside(device);
  return cuCtxPushCurrent(*context);
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
      {"cuCtxGetCurrent", reinterpret_cast<void*>(cuCtxGetCurrent)},
  };
  *function = nullptr;
  for (const auto& known : functions) {
    if (known.name == symbol) *function = known.function;
  }
  *result = *function == nullptr ? cudaDriverEntryPointSymbolNotFound : cudaDriverEntryPointSuccess;
  return cudaSuccess;
}
