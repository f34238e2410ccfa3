#include "numbers/finite.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>

#include "numbers/panels.h"
#include "numbers/quantised.h"
#include "skein/dtype.h"

namespace skein {
namespace {

// Where the binary numbers of a type lie: runs of them that begin so many bytes apart.
struct NumberRuns {
  uint64_t run_bytes;
  uint64_t stride_bytes;
};

// Plain types: one number after the other. A run is what is looked at before the next look at its result.
constexpr NumberRuns kPlainRuns = {1 << 15, 1 << 15};

NumberRuns RunsOf(uint32_t dtype, uint32_t layout) {
  if (dtype != SKEIN_DTYPE_Q8 && dtype != SKEIN_DTYPE_Q4) return kPlainRuns;
  const uint64_t group_bytes = dtype == SKEIN_DTYPE_Q8 ? kQ8GroupBytes : kQ4GroupBytes;
  const uint64_t num_scales = layout == SKEIN_LAYOUT_PANELS ? kPanelRows : 1;
  return {num_scales * sizeof(uint16_t), num_scales * group_bytes};
}

// Whether one of the numbers has an exponent of all ones. Without a branch in the loop, so that compilers vectorise it.
template <typename Word>
bool HasExponent(const uint8_t* data, size_t count, Word mask) {
  Word found = 0;
  for (size_t i = 0; i < count; ++i) {
    Word word;
    std::memcpy(&word, data + i * sizeof(Word), sizeof(Word));
    found = static_cast<Word>(found | static_cast<Word>((word & mask) == mask));
  }
  return found != 0;
}

bool HasBadNumber(uint32_t dtype, absl::Span<const uint8_t> run) {
  switch (dtype) {
    case SKEIN_DTYPE_F32:
      return HasExponent<uint32_t>(run.data(), run.size() / sizeof(uint32_t), 0x7f800000u);
    case SKEIN_DTYPE_BF16:
      return HasExponent<uint16_t>(run.data(), run.size() / sizeof(uint16_t), 0x7f80u);
    default:  // F16, and the scales of Q8 and Q4
      return HasExponent<uint16_t>(run.data(), run.size() / sizeof(uint16_t), 0x7c00u);
  }
}

bool AllRunsFinite(uint32_t dtype, const NumberRuns& runs, absl::Span<const uint8_t> bytes) {
  for (uint64_t at = 0; at < bytes.size(); at += runs.stride_bytes) {
    if (HasBadNumber(dtype, bytes.subspan(at, runs.run_bytes))) return false;
  }
  return true;
}

}  // namespace

bool AllFinite(const skein_host& host, uint32_t dtype, uint32_t layout, absl::Span<const uint8_t> bytes) {
  const NumberRuns runs = RunsOf(dtype, layout);
  // A turn of a thread: some hundred microseconds at the speed of memory.
  const uint64_t turn_bytes = std::max<uint64_t>(1, (uint64_t{2} << 20) / runs.stride_bytes) * runs.stride_bytes;
  if (bytes.size() <= turn_bytes) return AllRunsFinite(dtype, runs, bytes);
  struct Call {
    uint32_t dtype;
    NumberRuns runs;
    absl::Span<const uint8_t> bytes;
    uint64_t turn_bytes;
    std::atomic<bool> has_bad = false;
  };
  Call call{dtype, runs, bytes, turn_bytes};
  host.parallel_for(
      host.context, (bytes.size() + turn_bytes - 1) / turn_bytes,
      [](void* argument, uint64_t turn) {
        Call& mine = *static_cast<Call*>(argument);
        const bool is_known_bad = mine.has_bad.load(std::memory_order_relaxed);
        const absl::Span<const uint8_t> part = mine.bytes.subspan(turn * mine.turn_bytes, mine.turn_bytes);
        if (!is_known_bad && !AllRunsFinite(mine.dtype, mine.runs, part)) mine.has_bad = true;
      },
      &call);
  return !call.has_bad;
}

}  // namespace skein
