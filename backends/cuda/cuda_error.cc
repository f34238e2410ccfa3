#include "cuda/cuda_error.h"

#include "skein/status.h"

namespace skein::cuda {
namespace {

// Whether others hold the device, as in exclusive mode and by NVIDIA's service of processes, or it is still starting.
bool IsBusy(cudaError_t error) {
  switch (error) {
    case cudaErrorDevicesUnavailable:
    case cudaErrorSystemNotReady:
    case cudaErrorMpsConnectionFailed:
    case cudaErrorMpsRpcFailure:
    case cudaErrorMpsServerNotReady:
    case cudaErrorMpsMaxClientsReached:
    case cudaErrorMpsMaxConnectionsReached:
      return true;
    default:
      return false;
  }
}

// Whether the device is one for which the plugin was not compiled, nor can be by the driver.
bool IsForOthers(cudaError_t error) {
  switch (error) {
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorInvalidPtx:
    case cudaErrorJitCompilerNotFound:
    case cudaErrorUnsupportedPtxVersion:
    case cudaErrorJitCompilationDisabled:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string DeviceName(uint32_t device) { return "cuda:" + std::to_string(device); }

bool IsLost(cudaError_t error) {
  // By their numbers, those that CUDA 12.8 does not name yet.
  constexpr int kContained = 226, kTensorMemoryLeak = 721;
  switch (static_cast<int>(error)) {
    case kContained:
    case kTensorMemoryLeak:
    case cudaErrorCudartUnloading:
    case cudaErrorContextIsDestroyed:
    case cudaErrorMpsClientTerminated:
    case cudaErrorExternalDevice:
    case cudaErrorIllegalAddress:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorIllegalInstruction:
    case cudaErrorHardwareStackError:
    case cudaErrorLaunchFailure:
    case cudaErrorLaunchTimeout:
    case cudaErrorAssert:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorNoDevice:
    case cudaErrorUnknown:
      return true;
    default:
      return false;
  }
}

plugin::Error ErrorOf(uint32_t device, cudaError_t error, const char* what) {
  const std::string reason = std::string(what) + ": " + cudaGetErrorString(error);
  if (IsLost(error)) return {SKEIN_UNAVAILABLE, "device " + DeviceName(device) + " is lost: " + reason};
  if (IsBusy(error)) return {SKEIN_UNAVAILABLE, "device " + DeviceName(device) + " cannot be had now: " + reason};
  if (IsForOthers(error)) {
    return {SKEIN_UNAVAILABLE, "device " + DeviceName(device) + ": the plugin was not compiled for it: " + reason};
  }
  const int32_t code = error == cudaErrorMemoryAllocation ? SKEIN_RESOURCE_EXHAUSTED : SKEIN_INTERNAL;
  return {code, "device " + DeviceName(device) + ": " + reason};
}

void CheckCuda(uint32_t device, cudaError_t error, const char* what) {
  if (error != cudaSuccess) throw ErrorOf(device, error, what);
}

}  // namespace skein::cuda
