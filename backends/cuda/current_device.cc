#include "cuda/current_device.h"

#include <cuda.h>

#include <array>
#include <atomic>

namespace skein::cuda {
namespace {

// The functions are those of this version of the driver or a newer one.
constexpr unsigned kDriverVersion = 12000;

constexpr uint32_t kMostDevices = 256;  // as in backend.h

// What the plugin needs of the driver, which the runtime has opened.
struct Driver {
  decltype(&cuDeviceGet) device_get;
  decltype(&cuDevicePrimaryCtxRetain) retain;
  decltype(&cuCtxPushCurrent) push;
  decltype(&cuCtxPopCurrent) pop;
  decltype(&cuCtxGetCurrent) get_current;

  bool is_complete() const {
    return device_get != nullptr && retain != nullptr && push != nullptr && pop != nullptr && get_current != nullptr;
  }
};

template <typename Function>
void Find(const char* name, Function& function) {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult result = cudaDriverEntryPointSymbolNotFound;
  const cudaError_t error = cudaGetDriverEntryPointByVersion(name, &found, kDriverVersion, cudaEnableDefault, &result);
  if (error != cudaSuccess) cudaGetLastError();
  const bool is_found = error == cudaSuccess && result == cudaDriverEntryPointSuccess;
  function = is_found ? reinterpret_cast<Function>(found) : nullptr;
}

Driver FindDriver() {
  Driver driver = {};
  Find("cuDeviceGet", driver.device_get);
  Find("cuDevicePrimaryCtxRetain", driver.retain);
  Find("cuCtxPushCurrent", driver.push);
  Find("cuCtxPopCurrent", driver.pop);
  Find("cuCtxGetCurrent", driver.get_current);
  return driver;
}

// The driver is the process's, and so is what was found of it.
const Driver& TheDriver() {
  static const Driver driver = FindDriver();
  return driver;
}

// The context in which the runtime works on a device; NULL if it cannot be had. There is one for each device and
// process. It stays retained: what the runtime has made lies in it.
CUcontext PrimaryContext(int device) {
  static std::array<std::atomic<CUcontext>, kMostDevices> contexts = {};
  if (static_cast<uint32_t>(device) >= kMostDevices) return nullptr;
  std::atomic<CUcontext>& known = contexts[static_cast<uint32_t>(device)];
  if (known != nullptr) return known;
  CUdevice handle = 0;
  CUcontext context = nullptr;
  if (TheDriver().device_get(&handle, device) != CUDA_SUCCESS) return nullptr;
  if (TheDriver().retain(&context, handle) != CUDA_SUCCESS) return nullptr;
  known = context;
  return context;
}

// The context that is current on this thread; NULL if there is none.
CUcontext CurrentContext() {
  CUcontext context = nullptr;
  if (!TheDriver().is_complete() || TheDriver().get_current(&context) != CUDA_SUCCESS) return nullptr;
  return context;
}

// Puts a device's context on the thread's stack. False: the stack is as it was.
bool Push(int device) {
  if (!TheDriver().is_complete()) return false;
  const CUcontext context = PrimaryContext(device);
  return context != nullptr && TheDriver().push(context) == CUDA_SUCCESS;
}

void Pop() {
  CUcontext context = nullptr;
  if (TheDriver().is_complete()) TheDriver().pop(&context);  // as it was when it pushed
}

}  // namespace

DeviceScope::DeviceScope(uint32_t device) noexcept {
  error_ = MakeCurrent(static_cast<int>(device));
  if (error_ != cudaSuccess) return;
  // Behind the above: asked earlier, CUDA might make a context on another device for it.
  has_capture_mode_ = cudaThreadExchangeStreamCaptureMode(&capture_mode_) == cudaSuccess;
}

cudaError_t DeviceScope::MakeCurrent(int wanted) {
  if (const cudaError_t error = cudaGetDevice(&before_); error != cudaSuccess) return error;
  const CUcontext context = before_ == wanted ? CurrentContext() : nullptr;
  if (context != nullptr && context == PrimaryContext(wanted)) return cudaSuccess;
  // What a thread with this device and no context gets now it would get with its own first call.
  const bool is_on_another = before_ != wanted || context != nullptr;
  if (is_on_another && Push(wanted)) {
    undo_ = Undo::kPop;
    return cudaSuccess;
  }
  if (before_ != wanted) undo_ = Undo::kSet;
  return cudaSetDevice(wanted);
}

DeviceScope::~DeviceScope() {
  if (has_capture_mode_) cudaThreadExchangeStreamCaptureMode(&capture_mode_);
  if (undo_ == Undo::kPop) Pop();
  if (undo_ == Undo::kSet) cudaSetDevice(before_);
}

}  // namespace skein::cuda
