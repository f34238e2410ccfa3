// Launches of kernels, and what is asked about a kernel.
#include <algorithm>

#include "runtime.h"

namespace skein::emulator {
namespace {

constexpr int kDefaultDynamicShared = 48 << 10;

// The error of a launch that a device refuses. cudaSuccess: it takes the launch.
cudaError_t CheckShape(const cudaLaunchConfig_t& config) {
  const dim3& grid = config.gridDim;
  const dim3& block = config.blockDim;
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 0x7FFFFFFFu || grid.y > 0xFFFF || grid.z > 0xFFFF) {
    return cudaErrorInvalidConfiguration;
  }
  if (block.x == 0 || block.y == 0 || block.z == 0 || block.x > 1024 || block.y > 1024 || block.z > 64) {
    return cudaErrorInvalidConfiguration;
  }
  return block.x * block.y * block.z <= 1024 ? cudaSuccess : cudaErrorInvalidConfiguration;
}

// Whether a kernel may begin early, whether its blocks are there at once, and attributes that are not emulated.
cudaError_t ReadAttributes(const Options& options, const cudaLaunchConfig_t& config, Launch& launch) {
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    const cudaLaunchAttribute& attribute = config.attrs[i];
    switch (attribute.id) {
      case cudaLaunchAttributeProgrammaticStreamSerialization:
        launch.dependent = attribute.val.programmaticStreamSerializationAllowed != 0;
        if (launch.dependent && options.capability < 90) return cudaErrorNotSupported;
        break;
      case cudaLaunchAttributeCooperative:
        launch.cooperative = attribute.val.cooperative != 0;
        break;
      case cudaLaunchAttributeClusterDimension:
        if (attribute.val.clusterDim.x * attribute.val.clusterDim.y * attribute.val.clusterDim.z > 1) {
          return cudaErrorNotSupported;
        }
        break;
      case cudaLaunchAttributePreferredSharedMemoryCarveout:
        if (attribute.val.sharedMemCarveout > 100) return cudaErrorInvalidValue;  // percent
        break;
      default:
        break;
    }
  }
  // Both at once are not emulated.
  return launch.cooperative && launch.dependent ? cudaErrorNotSupported : cudaSuccess;
}

// All blocks of a cooperative launch have room at once.
cudaError_t CheckCooperative(const Launch& launch) {
  if (!launch.cooperative) return cudaSuccess;
  int per_multiprocessor = 0, num_multiprocessors = 0;
  const dim3& block = launch.block;
  const cudaError_t error = ActiveBlocks(&per_multiprocessor, launch.kernel->Function(),
                                         static_cast<int>(block.x * block.y * block.z), launch.dynamic_shared_bytes);
  if (error != cudaSuccess) return error;
  cudaDeviceGetAttribute(&num_multiprocessors, cudaDevAttrMultiProcessorCount, launch.device);
  const uint64_t num_blocks = uint64_t{launch.grid.x} * launch.grid.y * launch.grid.z;
  return num_blocks <= static_cast<uint64_t>(per_multiprocessor) * static_cast<uint64_t>(num_multiprocessors)
             ? cudaSuccess
             : cudaErrorCooperativeLaunchTooLarge;
}

int DynamicSharedLimit(Runtime& runtime, int device, const void* function) {
  const std::lock_guard lock(runtime.handles_mutex);
  const auto entry = runtime.dynamic_shared_limits.find({device, function});
  return entry == runtime.dynamic_shared_limits.end() ? kDefaultDynamicShared : entry->second;
}

}  // namespace

cudaError_t LaunchKernel(const cudaLaunchConfig_t& config, std::shared_ptr<const BoundKernel> kernel) {
  const auto runtime = TheRuntime();
  if (const cudaError_t error = Usable(*runtime); error != cudaSuccess) return Note(error);
  Stream* stream = runtime->Resolve(config.stream);
  if (stream == nullptr || stream->device() != CurrentDevice()) return Note(cudaErrorInvalidResourceHandle);
  // All streams but the default ones were made in the device's own context.
  if (config.stream != nullptr && CurrentContext() != OwnContext(CurrentDevice())) {
    return Note(cudaErrorInvalidResourceHandle);
  }
  if (!runtime->options().has_code) return Note(cudaErrorNoKernelImageForDevice);
  if (const cudaError_t error = CheckShape(config); error != cudaSuccess) return Note(error);
  Launch launch = {.grid = config.gridDim,
                   .block = config.blockDim,
                   .dynamic_shared_bytes = config.dynamicSmemBytes,
                   .kernel = std::move(kernel),
                   .device = stream->device()};
  if (const cudaError_t error = ReadAttributes(runtime->options(), config, launch); error != cudaSuccess) {
    return Note(error);
  }
  const int limit = DynamicSharedLimit(*runtime, stream->device(), launch.kernel->Function());
  if (launch.dynamic_shared_bytes > static_cast<size_t>(limit)) return Note(cudaErrorInvalidValue);
  if (const cudaError_t error = CheckCooperative(launch); error != cudaSuccess) return Note(error);
  return Note(runtime->Submit(*stream, [launch](Stream& self) { self.runtime().RunKernel(self, launch); }));
}

cudaError_t SetFunctionAttribute(const void* function, cudaFuncAttribute attribute, int value) {
  const auto runtime = TheRuntime();
  if (const cudaError_t error = Usable(*runtime); error != cudaSuccess) return Note(error);
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;
  int limit = 0;
  cudaDeviceGetAttribute(&limit, cudaDevAttrMaxSharedMemoryPerBlockOptin, CurrentDevice());
  if (value < 0 || value > limit) return Note(cudaErrorInvalidValue);
  const std::lock_guard lock(runtime->handles_mutex);
  runtime->dynamic_shared_limits[{CurrentDevice(), function}] = value;
  return cudaSuccess;
}

cudaError_t FunctionAttributes(cudaFuncAttributes* attributes, const void* function) {
  const auto runtime = TheRuntime();
  if (const cudaError_t error = Usable(*runtime); error != cudaSuccess) return Note(error);
  if (!runtime->options().has_code) return Note(cudaErrorNoKernelImageForDevice);
  *attributes = {};
  attributes->maxThreadsPerBlock = 1024;
  attributes->numRegs = 32;
  attributes->ptxVersion = attributes->binaryVersion = runtime->options().capability;
  attributes->maxDynamicSharedSizeBytes = DynamicSharedLimit(*runtime, CurrentDevice(), function);
  return cudaSuccess;
}

// Registers are not known here: threads and shared memory alone.
cudaError_t ActiveBlocks(int* num_blocks, const void*, int block_size, size_t dynamic_shared_bytes) {
  cudaDeviceProp properties;
  const cudaError_t error = cudaGetDeviceProperties(&properties, CurrentDevice());
  if (error != cudaSuccess) return error;
  if (block_size < 1) return Note(cudaErrorInvalidValue);
  const size_t by_shared =
      properties.sharedMemPerMultiprocessor / (dynamic_shared_bytes + properties.reservedSharedMemPerBlock);
  *num_blocks = std::min({properties.maxThreadsPerMultiProcessor / block_size, static_cast<int>(by_shared),
                          properties.maxBlocksPerMultiProcessor});
  return cudaSuccess;
}

}  // namespace skein::emulator
