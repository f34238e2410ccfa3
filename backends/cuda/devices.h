// The NVIDIA GPUs that the backend runs on, and their descriptions.
#ifndef SKEIN_BACKENDS_CUDA_DEVICES_H_
#define SKEIN_BACKENDS_CUDA_DEVICES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "skein/backend.h"

namespace skein::cuda {

// A compute capability as one number: 90 for 9.0.
inline constexpr uint32_t kLeastCapability = 75;

// The outputs of a step beside all logits.
inline constexpr uint32_t kFeatures = SKEIN_FEATURE_HIDDEN | SKEIN_FEATURE_TOP_K | SKEIN_FEATURE_MASK_AND_BIAS |
                                      SKEIN_FEATURE_SAMPLE | SKEIN_FEATURE_FEED_DRAWN;

// The numbers that CUDA gives to the GPUs of capability 7.5 or newer, at least one. Throws UNAVAILABLE with the reason
// why there is none: no driver, one that is too old, no GPU, or old ones alone.
std::vector<uint32_t> UsableDevices();

uint32_t CapabilityOf(uint32_t device);

// "NVIDIA H200" of the device that is current; "" if it does not say.
std::string CurrentDeviceModel();

// As the table wants it, with all of the device's memory. `device` is CUDA's number, which is also in the name. Makes
// no context of CUDA's, which would take some hundred MiB of the device.
skein_backend_device DescribeDevice(uint32_t device);

// The bytes of its memory that nobody has taken. Makes CUDA's context on the device, which alone knows. UNAVAILABLE if
// the kernels were not compiled for it.
uint64_t FreeMemoryOf(uint32_t device);

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_DEVICES_H_
