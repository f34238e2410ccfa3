// The instructions that the kernels may use: those of the processor, up to a limit that tests and users set with the
// environment variable SKEIN_CPU.
#ifndef SKEIN_BACKENDS_ONEDNN_CPU_H_
#define SKEIN_BACKENDS_ONEDNN_CPU_H_

#include <cstdint>
#include <span>
#include <string>

namespace skein::onednn {

// From least to most. Each tier has the instructions of the tiers before it. kGeneric is any processor that the program
// runs on.
enum class Tier { kGeneric, kAvx2, kAvx512, kAvx512Vnni, kAvx512Bf16, kAmx };

// As SKEIN_CPU names it.
const char* TierName(Tier tier);
std::span<const Tier> Tiers();

// The instructions that the processor and the operating system offer.
Tier DetectTier();

// The tier that kernels may use: DetectTier, or less where SKEIN_CPU names less. The first call, when a device is
// described or opened, decides for the whole process: it limits Highway and oneDNN too, which choose once per process.
// Threads: any.
Tier UsableTier();

// For people: the name of UsableTier, and on processors without tiers the instructions. Says if SKEIN_CPU names none.
std::string TierText();

// A line for the log if SKEIN_CPU names no tier, and so is ignored; else "".
const std::string& TierWarning();

// By how many bytes to ask for weights ahead of their use, on processors where that was measured to help (Intel: a
// quarter more bandwidth per core); else 0.
uint32_t PrefetchDistance();

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_CPU_H_
