#include "bench/machine_probe.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "failure.h"

namespace skein::cli {
namespace {

constexpr size_t kWords = (size_t{256} << 20) / sizeof(uint64_t);  // more than the caches hold
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kLineWords = 64 / sizeof(uint64_t);
// Some processors read faster if lines are asked for this far ahead, and once more three times as far.
constexpr size_t kAheadWords = 1024 / sizeof(uint64_t);
constexpr int kPasses = 3;

uint64_t* AllocateHugePages(size_t size_bytes) {
  auto* memory = static_cast<uint64_t*>(std::aligned_alloc(kHugePage, size_bytes));
  if (memory != nullptr) madvise(memory, size_bytes, MADV_HUGEPAGE);
  return memory;
}

// The shortest time in seconds of several passes in which each of the threads runs `work(thread_index)`.
template <typename Work>
double BestSeconds(uint32_t num_threads, Work work) {
  using Clock = std::chrono::steady_clock;
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    const Clock::time_point start = Clock::now();
    std::vector<std::thread> threads;
    for (uint32_t t = 0; t < num_threads; ++t) threads.emplace_back(work, t);
    for (std::thread& thread : threads) thread.join();
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    best = pass == 0 ? seconds : std::min(best, seconds);
  }
  return best;
}

// A loop of one instruction, repeated with an accumulator each, so that none waits for the one before.
struct Loop {
  Arithmetic arithmetic;
  double operations;  // of one turn
  bool (*can_run)();  // also asks the system for the permission that it needs
  void (*run)(uint64_t num_turns);
};

#if defined(__x86_64__)
// In assembler, because compilers offer these instructions only when they build for a processor that has them. All
// registers hold zeros.

// clang-format off
#define SKEIN_TWELVE(op, r)                                       \
  op " %%" r "15, %%" r "14, %%" r "0\n\t"                        \
  op " %%" r "15, %%" r "14, %%" r "1\n\t"                        \
  op " %%" r "15, %%" r "14, %%" r "2\n\t"                        \
  op " %%" r "15, %%" r "14, %%" r "3\n\t"                        \
  op " %%" r "15, %%" r "14, %%" r "4\n\t"                        \
  op " %%" r "15, %%" r "14, %%" r "5\n\t"                        \
  op " %%" r "15, %%" r "14, %%" r "6\n\t"                        \
  op " %%" r "15, %%" r "14, %%" r "7\n\t"                        \
  op " %%" r "15, %%" r "14, %%" r "8\n\t"                        \
  op " %%" r "15, %%" r "14, %%" r "9\n\t"                        \
  op " %%" r "15, %%" r "14, %%" r "10\n\t"                       \
  op " %%" r "15, %%" r "14, %%" r "11\n\t"
#define SKEIN_SIX(op, r)                                          \
  op " %%" r "7, %%" r "6, %%" r "0\n\t"                          \
  op " %%" r "7, %%" r "6, %%" r "1\n\t"                          \
  op " %%" r "7, %%" r "6, %%" r "2\n\t"                          \
  op " %%" r "7, %%" r "6, %%" r "3\n\t"                          \
  op " %%" r "7, %%" r "6, %%" r "4\n\t"                          \
  op " %%" r "7, %%" r "6, %%" r "5\n\t"
// clang-format on

#define SKEIN_VECTOR_LOOP(name, op, r)                                                                                \
  void name(uint64_t num_turns) {                                                                                     \
    asm volatile("vzeroall\n\t"                                                                                     \
                 "1:\n\t" SKEIN_TWELVE(op, r) "dec %0\n\t"                                                          \
                 "jnz 1b\n\t"                                                                                       \
                 "vzeroupper"                                                                                       \
                 : "+r"(num_turns)                                                                                  \
                 :                                                                                                  \
                 : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",  \
                   "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"); \
  }
SKEIN_VECTOR_LOOP(RunFma512, "vfmadd231ps", "zmm")
SKEIN_VECTOR_LOOP(RunFma256, "vfmadd231ps", "ymm")
SKEIN_VECTOR_LOOP(RunBf16Dot512, "vdpbf16ps", "zmm")
SKEIN_VECTOR_LOOP(RunInt8Dot512, "vpdpbusd", "zmm")
#undef SKEIN_VECTOR_LOOP

// As `ldtilecfg` reads it: eight tiles of 16 rows of 64 bytes.
struct TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64);

// `feature`: a bit of edx in leaf 7.
bool CanRunTiles(unsigned feature) {
  constexpr unsigned kTiles = 1u << 24;
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  if ((edx & feature) == 0 || (edx & kTiles) == 0) return false;
  constexpr int64_t kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM of Linux
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}
constexpr unsigned kTileBf16 = 1u << 22, kTileInt8 = 1u << 25;

// Tiles are zero after their configuration.
#define SKEIN_TILE_LOOP(name, op)                                     \
  void name(uint64_t num_turns) {                                     \
    const TileConfig config;                                          \
    asm volatile("ldtilecfg %1\n\t"                                 \
                 "1:\n\t" SKEIN_SIX(op, "tmm") "dec %0\n\t"         \
                 "jnz 1b\n\t"                                       \
                 "tilerelease"                                      \
                 : "+r"(num_turns)                                  \
                 : "m"(config)                                      \
                 : "cc"); \
  }
SKEIN_TILE_LOOP(RunBf16Tiles, "tdpbf16ps")
SKEIN_TILE_LOOP(RunInt8Tiles, "tdpbusd")
#undef SKEIN_TILE_LOOP
#undef SKEIN_TWELVE
#undef SKEIN_SIX

// The fastest of a kind first.
constexpr Loop kLoops[] = {
    {Arithmetic::kF32, 12 * 2 * 16, [] { return __builtin_cpu_supports("avx512f") != 0; }, RunFma512},
    {Arithmetic::kF32, 12 * 2 * 8, [] { return __builtin_cpu_supports("fma") != 0; }, RunFma256},
    {Arithmetic::kBf16, 6 * 2 * 16 * 16 * 32, [] { return CanRunTiles(kTileBf16); }, RunBf16Tiles},
    {Arithmetic::kBf16, 12 * 2 * 32, [] { return __builtin_cpu_supports("avx512bf16") != 0; }, RunBf16Dot512},
    {Arithmetic::kInt8, 6 * 2 * 16 * 16 * 64, [] { return CanRunTiles(kTileInt8); }, RunInt8Tiles},
    {Arithmetic::kInt8, 12 * 2 * 64, [] { return __builtin_cpu_supports("avx512vnni") != 0; }, RunInt8Dot512},
};
constexpr std::span<const Loop> Loops() { return kLoops; }
#else
constexpr std::span<const Loop> Loops() { return {}; }
#endif

}  // namespace

std::string_view ArithmeticName(Arithmetic arithmetic) {
  switch (arithmetic) {
    case Arithmetic::kF32:
      return "f32 multiply-add";
    case Arithmetic::kBf16:
      return "bf16 dot product";
    case Arithmetic::kInt8:
      return "int8 dot product";
  }
  return "";
}

MachineProbe::MachineProbe(uint32_t num_threads)
    : num_threads_(num_threads), memory_(AllocateHugePages(kWords * sizeof(uint64_t))) {
  if (memory_ == nullptr) throw Failure("no memory for the bandwidth probe");
  std::fill_n(memory_.get(), kWords, 1);
}

MachineProbe::Bandwidth MachineProbe::ReadBandwidth() {
  const double plain = ReadBandwidth(0);
  return {plain, std::max(plain, ReadBandwidth(kAheadWords))};
}

double MachineProbe::ReadBandwidth(size_t ahead) {
  std::vector<uint64_t> sums(num_threads_);
  const double seconds = BestSeconds(num_threads_, [&](uint32_t thread) {
    uint64_t sum = 0;
    const uint64_t* words = memory_.get();
    const size_t end = kWords * (thread + 1) / num_threads_;
    for (size_t i = kWords * thread / num_threads_; i < end; i += kLineWords) {
      __builtin_prefetch(words + i + ahead, 0, 3);
      __builtin_prefetch(words + i + 3 * ahead, 0, 2);
      for (size_t word = i; word < i + kLineWords; ++word) sum += words[word];
    }
    sums[thread] = sum;
  });
  // Using the sums keeps the reads from being optimised away.
  uint64_t total = 0;
  for (const uint64_t sum : sums) total += sum;
  if (total != kWords) throw Failure("the bandwidth probe read wrong data");
  return static_cast<double>(kWords * sizeof(uint64_t)) / seconds;
}

std::optional<double> MachineProbe::ArithmeticRate(Arithmetic arithmetic) const {
  constexpr double kOperations = 1e9;  // of a thread
  for (const Loop& loop : Loops()) {
    if (loop.arithmetic != arithmetic || !loop.can_run()) continue;
    const auto num_turns = static_cast<uint64_t>(kOperations / loop.operations);
    const double seconds = BestSeconds(num_threads_, [&](uint32_t) { loop.run(num_turns); });
    return num_threads_ * static_cast<double>(num_turns) * loop.operations / seconds;
  }
  return std::nullopt;
}

}  // namespace skein::cli
