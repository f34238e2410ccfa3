// Devices, versions and errors of the runtime.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "runtime.h"

namespace skein::emulator {
namespace {

thread_local cudaError_t last_error = cudaSuccess;

struct Generation {
  int capability;
  const char* name;
  int num_multiprocessors;
  int shared_per_multiprocessor;
  int shared_optin;
  int threads_per_multiprocessor;
  int l2_bytes;
};

// Figures of the programming guide, table "Technical Specifications per Compute Capability", and of one card each.
constexpr Generation kGenerations[] = {
    {75, "Emulated T4", 40, 64 << 10, 64 << 10, 1024, 4 << 20},
    {80, "Emulated A100", 108, 164 << 10, 163 << 10, 2048, 40 << 20},
    {86, "Emulated RTX 3090", 82, 100 << 10, 99 << 10, 1536, 6 << 20},
    {89, "Emulated RTX 4090", 128, 100 << 10, 99 << 10, 1536, 72 << 20},
    {90, "Emulated H100", 132, 228 << 10, 227 << 10, 2048, 50 << 20},
    {100, "Emulated B200", 148, 228 << 10, 227 << 10, 2048, 126 << 20},
    {120, "Emulated RTX 5090", 170, 100 << 10, 99 << 10, 1536, 96 << 20},
};

const Generation& GenerationOf(int capability) {
  const Generation* found = &kGenerations[0];
  for (const Generation& generation : kGenerations) {
    if (generation.capability <= capability) found = &generation;
  }
  return *found;
}

cudaDeviceProp PropertiesOf(const Options& options, int device) {
  const Generation& generation = GenerationOf(options.capability);
  cudaDeviceProp properties = {};
  std::snprintf(properties.name, sizeof(properties.name), "%s", generation.name);
  properties.uuid.bytes[0] = static_cast<char>(device + 1);
  properties.totalGlobalMem = options.memory_bytes;
  properties.sharedMemPerBlock = 48 << 10;
  properties.regsPerBlock = properties.regsPerMultiprocessor = 64 << 10;
  properties.warpSize = 32;
  properties.maxThreadsPerBlock = 1024;
  properties.maxThreadsDim[0] = properties.maxThreadsDim[1] = 1024;
  properties.maxThreadsDim[2] = 64;
  properties.maxGridSize[0] = 0x7FFFFFFF;
  properties.maxGridSize[1] = properties.maxGridSize[2] = 0xFFFF;
  properties.major = options.capability / 10;
  properties.minor = options.capability % 10;
  properties.multiProcessorCount =
      options.num_multiprocessors != 0 ? options.num_multiprocessors : generation.num_multiprocessors;
  properties.cooperativeLaunch = 1;
  properties.concurrentKernels = 1;
  properties.pciBusID = device + 1;
  properties.asyncEngineCount = 2;
  properties.unifiedAddressing = 1;
  properties.memoryBusWidth = 384;
  properties.l2CacheSize = generation.l2_bytes;
  properties.maxThreadsPerMultiProcessor = generation.threads_per_multiprocessor;
  properties.sharedMemPerMultiprocessor = static_cast<size_t>(generation.shared_per_multiprocessor);
  properties.sharedMemPerBlockOptin = static_cast<size_t>(generation.shared_optin);
  properties.maxBlocksPerMultiProcessor = 16;
  properties.reservedSharedMemPerBlock = 1 << 10;
  return properties;
}

struct ErrorText {
  cudaError_t error;
  const char* name;
  const char* text;
};

#define SKEIN_ERROR(error, text) \
  { error, #error, text }
constexpr ErrorText kErrorTexts[] = {
    SKEIN_ERROR(cudaSuccess, "no error"),
    SKEIN_ERROR(cudaErrorInvalidValue, "invalid argument"),
    SKEIN_ERROR(cudaErrorMemoryAllocation, "out of memory"),
    SKEIN_ERROR(cudaErrorInitializationError, "initialization error"),
    SKEIN_ERROR(cudaErrorInvalidConfiguration, "invalid configuration argument"),
    SKEIN_ERROR(cudaErrorInvalidDevicePointer, "invalid device pointer"),
    SKEIN_ERROR(cudaErrorInvalidMemcpyDirection, "invalid copy direction for memcpy"),
    SKEIN_ERROR(cudaErrorInsufficientDriver, "CUDA driver version is insufficient for CUDA runtime version"),
    SKEIN_ERROR(cudaErrorNoDevice, "no CUDA-capable device is detected"),
    SKEIN_ERROR(cudaErrorInvalidDevice, "invalid device ordinal"),
    SKEIN_ERROR(cudaErrorNoKernelImageForDevice, "no kernel image is available for execution on the device"),
    SKEIN_ERROR(cudaErrorInvalidResourceHandle, "invalid resource handle"),
    SKEIN_ERROR(cudaErrorNotReady, "device not ready"),
    SKEIN_ERROR(cudaErrorIllegalAddress, "an illegal memory access was encountered"),
    SKEIN_ERROR(cudaErrorMisalignedAddress, "misaligned address"),
    SKEIN_ERROR(cudaErrorCooperativeLaunchTooLarge, "too many blocks in cooperative launch"),
    SKEIN_ERROR(cudaErrorLaunchFailure, "unspecified launch failure"),
    SKEIN_ERROR(cudaErrorNotPermitted, "operation not permitted"),
    SKEIN_ERROR(cudaErrorNotSupported, "operation not supported"),
    SKEIN_ERROR(cudaErrorHostMemoryAlreadyRegistered, "part or all of the requested memory range is already mapped"),
    SKEIN_ERROR(cudaErrorHostMemoryNotRegistered, "pointer does not correspond to a registered memory region"),
    SKEIN_ERROR(cudaErrorStreamCaptureUnsupported, "operation not permitted when stream is capturing"),
    SKEIN_ERROR(cudaErrorStreamCaptureInvalidated, "operation failed due to a previous error during capture"),
    SKEIN_ERROR(cudaErrorStreamCaptureUnmatched, "capture was not ended in the same stream as it began"),
    SKEIN_ERROR(cudaErrorStreamCaptureUnjoined, "capturing stream has unjoined work"),
    SKEIN_ERROR(cudaErrorStreamCaptureImplicit,
                "operation would make the legacy stream depend on a capturing blocking stream"),
    SKEIN_ERROR(cudaErrorCapturedEvent, "operation not permitted on an event last recorded in a capturing stream"),
    SKEIN_ERROR(cudaErrorStreamCaptureWrongThread,
                "attempt to terminate a thread-local capture sequence from another thread"),
    SKEIN_ERROR(cudaErrorUnknown, "unknown error"),
};
#undef SKEIN_ERROR

const ErrorText& TextOf(cudaError_t error) {
  for (const ErrorText& text : kErrorTexts) {
    if (text.error == error) return text;
  }
  return kErrorTexts[std::size(kErrorTexts) - 1];
}

}  // namespace

// CUDA keeps the answer "not ready" too.
cudaError_t Note(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}

void ForgetLastError() { last_error = cudaSuccess; }

}  // namespace skein::emulator

using skein::emulator::CurrentDevice;
using skein::emulator::Note;
using skein::emulator::TheRuntime;
using skein::emulator::Usable;

cudaError_t cudaGetDeviceCount(int* count) {
  if (count == nullptr) return Note(cudaErrorInvalidValue);
  const auto runtime = TheRuntime();
  *count = runtime->options().num_devices;
  return Note(*count == 0 ? runtime->options().no_devices : cudaSuccess);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  const auto runtime = TheRuntime();
  if (runtime->options().num_devices == 0) return Note(runtime->options().no_devices);
  if (device < 0 || device >= runtime->options().num_devices) return Note(cudaErrorInvalidDevice);
  *properties = skein::emulator::PropertiesOf(runtime->options(), device);
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  cudaDeviceProp properties;
  const cudaError_t error = cudaGetDeviceProperties(&properties, device);
  if (error != cudaSuccess) return error;
  const auto number = [](size_t count) { return static_cast<int>(count); };
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
      *value = properties.maxThreadsPerBlock;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      *value = number(properties.sharedMemPerBlock);
      break;
    case cudaDevAttrWarpSize:
      *value = properties.warpSize;
      break;
    case cudaDevAttrMaxRegistersPerBlock:
    case cudaDevAttrMaxRegistersPerMultiprocessor:
      *value = properties.regsPerBlock;
      break;
    case cudaDevAttrMultiProcessorCount:
      *value = properties.multiProcessorCount;
      break;
    case cudaDevAttrClockRate:
      *value = 1755000;  // kHz
      break;
    case cudaDevAttrMemoryClockRate:
      *value = 2619000;
      break;
    case cudaDevAttrGlobalMemoryBusWidth:
      *value = properties.memoryBusWidth;
      break;
    case cudaDevAttrL2CacheSize:
      *value = properties.l2CacheSize;
      break;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      *value = properties.maxThreadsPerMultiProcessor;
      break;
    case cudaDevAttrComputeCapabilityMajor:
      *value = properties.major;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = properties.minor;
      break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = number(properties.sharedMemPerMultiprocessor);
      break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = number(properties.sharedMemPerBlockOptin);
      break;
    case cudaDevAttrCooperativeLaunch:
      *value = properties.cooperativeLaunch;
      break;
    case cudaDevAttrIntegrated:
    case cudaDevAttrClusterLaunch:
      *value = 0;
      break;
    default:
      return Note(cudaErrorInvalidValue);
  }
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  const auto runtime = TheRuntime();
  if (runtime->options().num_devices == 0) return Note(runtime->options().no_devices);
  if (device < 0 || device >= runtime->options().num_devices) return Note(cudaErrorInvalidDevice);
  CurrentDevice() = device;
  skein::emulator::CurrentContext() = skein::emulator::OwnContext(device);
  runtime->MakeContext(device);
  return Note(Usable(*runtime));
}

cudaError_t cudaGetDevice(int* device) {
  const auto runtime = TheRuntime();
  if (runtime->options().num_devices == 0) return Note(runtime->options().no_devices);
  *device = CurrentDevice();
  return cudaSuccess;
}

cudaError_t cudaSetDeviceFlags(unsigned) { return Note(Usable(*TheRuntime())); }

cudaError_t cudaDeviceSynchronize() {
  const auto runtime = TheRuntime();
  if (const cudaError_t error = Usable(*runtime); error != cudaSuccess) return Note(error);
  if (const cudaError_t error = runtime->CheckNoCapture(); error != cudaSuccess) return Note(error);
  return Note(runtime->SynchronizeDevice(CurrentDevice()));
}

cudaError_t cudaDeviceCanAccessPeer(int* can_access, int, int) {
  *can_access = 0;
  return Note(Usable(*TheRuntime()));
}

cudaError_t cudaDriverGetVersion(int* version) {
  const skein::emulator::Options options = TheRuntime()->options();
  constexpr int kOldDriver = 11080;
  *version =
      options.num_devices == 0 && options.no_devices == cudaErrorInsufficientDriver ? kOldDriver : CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaPeekAtLastError() {
  const auto runtime = TheRuntime();
  const cudaError_t lasting = Usable(*runtime);
  return lasting != cudaSuccess && runtime->options().num_devices != 0 ? lasting : skein::emulator::last_error;
}

cudaError_t cudaGetLastError() {
  const cudaError_t error = cudaPeekAtLastError();
  skein::emulator::last_error = cudaSuccess;
  return error;
}

const char* cudaGetErrorName(cudaError_t error) { return skein::emulator::TextOf(error).name; }
const char* cudaGetErrorString(cudaError_t error) { return skein::emulator::TextOf(error).text; }
