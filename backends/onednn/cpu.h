// Which instructions the kernels may use: what the processor has, up to a limit that tests and users set with the
// environment variable SKEIN_CPU.
#ifndef SKEIN_BACKENDS_ONEDNN_CPU_H_
#define SKEIN_BACKENDS_ONEDNN_CPU_H_

#include <cstdint>
#include <span>

namespace skein::onednn {

// From least to most; each has what those before it have. kGeneric is any processor that the program runs on.
enum class Tier { kGeneric, kAvx2, kAvx512, kAvx512Vnni, kAvx512Bf16, kAmx };

// As in SKEIN_CPU.
const char* TierName(Tier tier);
std::span<const Tier> Tiers();

// What the processor and the operating system have.
Tier DetectTier();

// What kernels may use: DetectTier, or less where SKEIN_CPU names less. Asked at first when a device is opened, and the
// same ever after: Highway and oneDNN, whose own choice is limited with it, know one choice per process. Throws
// INVALID_ARGUMENT if SKEIN_CPU names no tier. Threads: any.
Tier UsableTier();

// By how many bytes to ask for weights ahead of their use: where that was measured to help (Intel: a quarter more
// bandwidth per core), else 0.
uint32_t PrefetchDistance();

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_CPU_H_
