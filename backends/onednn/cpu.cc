#include "onednn/cpu.h"

#include <hwy/highway.h>
#include <hwy/targets.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kit/named_choice.h"
#include "onednn/panel_primitives.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace skein::onednn {
namespace {

constexpr Tier kTiers[] = {Tier::kGeneric,    Tier::kAvx2,       Tier::kAvx512,
                           Tier::kAvx512Vnni, Tier::kAvx512Bf16, Tier::kAmx};

#if defined(__x86_64__)
// Whether there is AMX for 8 bits, and Linux lets this process have its registers. A process must ask for them.
bool HasAmx() {
  constexpr unsigned kTile = 1u << 24, kInt8 = 1u << 25;  // EDX of leaf 7
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0 || (~edx & (kTile | kInt8)) != 0) return false;
  constexpr int64_t kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}
#endif

// Keeps Highway from instruction sets above `tier`.
void LimitHighway(Tier tier) {
#if defined(__x86_64__)
  constexpr int64_t kAbove512 = HWY_AVX3 | HWY_AVX3_DL;
  if (tier < Tier::kAvx512) hwy::DisableTargets(tier < Tier::kAvx2 ? kAbove512 | HWY_AVX2 : kAbove512);
#else
  static_cast<void>(tier);
#endif
}

// The tier of the process, and what is wrong with the value of SKEIN_CPU, if something is.
struct TierChoice {
  Tier usable;
  std::string warning;
};

TierChoice LimitTier() {
  const Tier detected = DetectTier();
  const kit::NamedChoice limit("SKEIN_CPU");
  if (!limit.is_set()) return {detected, ""};
  std::vector<std::string_view> names;
  for (const Tier tier : kTiers) names.emplace_back(TierName(tier));
  const std::optional<size_t> index = limit.IndexIn(names);
  if (!index) return {detected, limit.WarningOf(names)};
  const Tier usable = std::min(detected, kTiers[*index]);
  if (usable < detected) {
    LimitHighway(usable);
    PanelPrimitives::LimitTo(usable);
  }
  return {usable, ""};
}

const TierChoice& ChosenTier() {
  static const TierChoice choice = LimitTier();
  return choice;
}

}  // namespace

const char* TierName(Tier tier) {
  switch (tier) {
    case Tier::kGeneric:
      break;
    case Tier::kAvx2:
      return "avx2";
    case Tier::kAvx512:
      return "avx512";
    case Tier::kAvx512Vnni:
      return "avx512_vnni";
    case Tier::kAvx512Bf16:
      return "avx512_bf16";
    case Tier::kAmx:
      return "amx";
  }
  return "generic";
}

std::span<const Tier> Tiers() { return kTiers; }

Tier DetectTier() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return Tier::kGeneric;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl")) {
    return Tier::kAvx2;
  }
  if (!__builtin_cpu_supports("avx512vnni")) return Tier::kAvx512;
  if (!__builtin_cpu_supports("avx512bf16")) return Tier::kAvx512Vnni;
  return HasAmx() ? Tier::kAmx : Tier::kAvx512Bf16;
#else
  return Tier::kGeneric;
#endif
}

Tier UsableTier() { return ChosenTier().usable; }

std::string TierText() {
  std::string text = TierName(UsableTier());
  if (!TierWarning().empty()) text += " (SKEIN_CPU names no tier)";
#if !defined(__x86_64__)
  // Tiers are those of x86-64. Elsewhere the instructions are those that Highway has chosen.
  const int64_t targets = hwy::SupportedTargets() & HWY_TARGETS;
  text.append(" (").append(hwy::TargetName(targets & -targets)).append(")");
#endif
  return text;
}

const std::string& TierWarning() { return ChosenTier().warning; }

uint32_t PrefetchDistance() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_is("intel")) return 1024;
#endif
  return 0;
}

}  // namespace skein::onednn
