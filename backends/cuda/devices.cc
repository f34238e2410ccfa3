#include "cuda/devices.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "cuda/cuda_error.h"
#include "cuda/current_device.h"
#include "cuda/kernels/finite.h"
#include "equations/generations.h"
#include "kit/tensor.h"
#include "support/boundary.h"

namespace skein::cuda {
namespace {

// "13.0" of 13000, as CUDA writes its versions.
std::string VersionText(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string CapabilityText(uint32_t capability) {
  return std::to_string(capability / 10) + "." + std::to_string(capability % 10);
}

std::string NoDeviceReason(cudaError_t error) {
  int driver = 0, runtime = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  if (driver == 0) return "no NVIDIA driver is installed, or this process cannot load libcuda.so.1";
  if (error == cudaErrorInsufficientDriver) {
    return "the NVIDIA driver is too old: it serves CUDA " + VersionText(driver) + ", and this plugin was built with " +
           VersionText(runtime);
  }
  // Containers and schedulers of batches hide GPUs by it.
  const char* const visible = secure_getenv("CUDA_VISIBLE_DEVICES");
  const std::string why = visible == nullptr ? "" : std::string("; CUDA_VISIBLE_DEVICES is \"") + visible + '"';
  return std::string("no GPU: ") + cudaGetErrorString(error) + why;
}

int Attribute(uint32_t device, cudaDeviceAttr attribute) {
  int value = 0;
  CheckCuda(device, cudaDeviceGetAttribute(&value, attribute, static_cast<int>(device)), "attribute");
  return value;
}

std::string DescriptionOf(const cudaDeviceProp& properties) {
  int driver = 0, runtime = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  char memory[32];
  std::snprintf(memory, sizeof(memory), "%.1f GiB", static_cast<double>(properties.totalGlobalMem) / (1u << 30));
  return std::string(properties.name) + ", " + memory + ", " + std::to_string(properties.multiProcessorCount) +
         " multiprocessors, compute capability " + std::to_string(properties.major) + "." +
         std::to_string(properties.minor) + "; driver for CUDA " + VersionText(driver) + ", built with " +
         VersionText(runtime);
}

uint32_t ComputeTypes(uint32_t capability) {
  uint32_t types = 1u << SKEIN_DTYPE_F32 | 1u << SKEIN_DTYPE_F16 | 1u << SKEIN_DTYPE_Q8 | 1u << SKEIN_DTYPE_Q4;
  if (capability >= 80) types |= 1u << SKEIN_DTYPE_BF16;
  return types;
}

// The types whose products the tensor cores take (tile_products.cu). Over them float32 activations are for those who
// ask.
uint32_t AutoTypes(uint32_t capability) {
  return capability >= 80 ? 1u << SKEIN_DTYPE_F16 | 1u << SKEIN_DTYPE_BF16 : 0;
}

}  // namespace

std::vector<uint32_t> UsableDevices() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess || count == 0) {
    cudaGetLastError();
    throw plugin::Error(SKEIN_UNAVAILABLE, NoDeviceReason(error == cudaSuccess ? cudaErrorNoDevice : error));
  }
  std::vector<uint32_t> usable;
  for (uint32_t device = 0; device < static_cast<uint32_t>(count); ++device) {
    if (CapabilityOf(device) >= kLeastCapability) usable.push_back(device);
  }
  if (!usable.empty()) return usable;
  throw plugin::Error(SKEIN_UNAVAILABLE, "expected a GPU of compute capability " + CapabilityText(kLeastCapability) +
                                             " or newer, found " + CapabilityText(CapabilityOf(0)));
}

uint32_t CapabilityOf(uint32_t device) {
  return static_cast<uint32_t>(10 * Attribute(device, cudaDevAttrComputeCapabilityMajor) +
                               Attribute(device, cudaDevAttrComputeCapabilityMinor));
}

std::string CurrentDeviceModel() {
  int device = 0;
  cudaDeviceProp properties = {};
  if (cudaGetDevice(&device) != cudaSuccess) return "";
  return cudaGetDeviceProperties(&properties, device) == cudaSuccess ? properties.name : "";
}

skein_backend_device DescribeDevice(uint32_t device) {
  cudaDeviceProp properties = {};
  CheckCuda(device, cudaGetDeviceProperties(&properties, static_cast<int>(device)), "properties");
  const uint32_t capability = CapabilityOf(device);
  skein_backend_device info = {
      .struct_size = sizeof(skein_backend_device),
      .weight_types = kit::kWeightTypes,
      .compute_types = ComputeTypes(capability),
      // In the others the number of rows decides between two orders of the sums.
      .deterministic_types = 1u << SKEIN_DTYPE_NONE | 1u << SKEIN_DTYPE_F32,
      .generations = kit::kGenerations,
      .features = kFeatures,
      .rank = 200,
      .reserved = 0,
      .memory_bytes = properties.totalGlobalMem,
      .name = {},
      .description = {},
      .layouts = 1u << SKEIN_LAYOUT_ROWS,
      .reserved_2 = 0,
      .num_threads = 1,
      .reserved_3 = 0,
      .auto_types = AutoTypes(capability),
      .state_types = 1u << SKEIN_DTYPE_F32 | 1u << SKEIN_DTYPE_F16,
  };
  DeviceName(device).copy(info.name, sizeof(info.name) - 1);
  DescriptionOf(properties).copy(info.description, sizeof(info.description) - 1);
  return info;
}

uint64_t FreeMemoryOf(uint32_t device) {
  const CurrentDevice current(device);
  CheckCuda(device, FindCode(), "kernels");
  size_t free_bytes = 0, total_bytes = 0;
  CheckCuda(device, cudaMemGetInfo(&free_bytes, &total_bytes), "memory");
  return free_bytes;
}

}  // namespace skein::cuda
